import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as the MCP server behind the gateway saw it. */
export interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A server of both eras that answers every request with an empty result and keeps what it saw. */
export interface RecordedServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: Recorded[];
}

export async function openRecordedServer(): Promise<RecordedServer> {
  const seen: Recorded[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.once('end', () => {
      const body = Buffer.concat(pieces);
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body });
      const id = idOf(body);
      if (id === undefined) {
        response.writeHead(202).end();
        return;
      }
      const opening = body.includes('"initialize"') ? { 'mcp-session-id': `plain-${seen.length}` } : {};
      response.writeHead(200, { 'content-type': 'application/json', ...opening });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: opened(body) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function idOf(body: Buffer): unknown {
  return body.length === 0 ? undefined : (JSON.parse(body.toString()) as { id?: unknown }).id;
}

function opened(body: Buffer): object {
  const serverInfo = { name: 'recorded', version: '1' };
  if (body.includes('"server/discover"')) {
    return { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {}, serverInfo };
  }
  return body.includes('"initialize"') ? { protocolVersion: '2025-11-25', capabilities: {}, serverInfo } : {};
}
