import { openHttpServer, type HttpServer } from '../journeys/mcp-servers.ts';
import { formsOf } from './canary-scan.ts';

/** A server that tells whatever it is asked for of the credential that it was shown. */
export const openEchoingServer = (held: { credential: string }): Promise<HttpServer> =>
  openHttpServer((request, response, body) => {
    held.credential = request.headers['x-api-key'] as string;
    const { id, method, params } = body as { id?: number; method: string; params?: { name: string } };
    if (id === undefined) {
      response.writeHead(202).end();
      return Promise.resolve();
    }
    const all = Object.values(formsOf(held.credential));
    const answer = (result: object): string => JSON.stringify({ jsonrpc: '2.0', id, ...result });
    const content = all.map((text) => ({ type: 'text', text }));
    const json = (text: string): void => {
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-told': held.credential }).end(text);
    };
    if (method === 'initialize') {
      const serverInfo = { name: 'echoing', version: held.credential };
      json(answer({ result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo } }));
    } else if (method === 'tools/list') {
      const tools = ['whole', 'failed', 'streamed'].map((name) => ({
        name,
        description: all.join(' | '),
        inputSchema: { type: 'object' },
      }));
      json(answer({ result: { tools, _meta: { [held.credential]: [held.credential] } } }));
    } else if (params?.name === 'whole') {
      json(answer({ result: { content, structuredContent: { [held.credential]: all } } }));
    } else if (params?.name === 'failed')
      json(answer({ error: { code: -32000, message: all.join(' '), data: all } }));
    else {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const news = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: all } };
      const text = `: ${held.credential}\n\nid: ${held.credential}\ndata: ${JSON.stringify(news)}\n\nevent: message\ndata: ${answer({ result: { content } })}\n\n`;
      const octets = Buffer.from(text);
      void (async () => {
        for (let at = 0; at < octets.length; at += 7) {
          response.write(octets.subarray(at, at + 7));
          if (at % 70 === 0) await new Promise(setImmediate);
        }
        response.end();
      })();
    }
    return Promise.resolve();
  });
