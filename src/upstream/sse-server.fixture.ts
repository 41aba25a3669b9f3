import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createFixtureAuthority } from '../http/tls.fixture.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';

/** The authority of the server and of the gateway's certificate, where there is TLS. */
export const authority = createFixtureAuthority('Test Root');

/** A server of HTTP+SSE, by hand, for specifications. */
export interface OldServer extends AsyncDisposable {
  readonly url: string;
  readonly posted: {
    readonly path: string;
    readonly body: JsonObject;
    readonly headers: IncomingMessage['headers'];
  }[];
  /** Open streams, oldest first. */
  readonly streams: readonly ServerResponse[];
}

export interface Behaviour {
  /** Over TLS, and for those alone who show a certificate of the authority. */
  readonly mutual?: true;
  /** Instead of opening a stream with `endpoint`. */
  readonly open?: (request: IncomingMessage, response: ServerResponse) => void;
  /** What the first event names. */
  readonly endpoint?: string;
  /** Takes a message, and may say something on the stream; 202 unless it answers by itself. */
  readonly take?: (
    message: JsonObject,
    stream: ServerResponse,
    response: ServerResponse,
  ) => void | Promise<void>;
}

export async function openOldServer(behaviour: Behaviour = {}): Promise<OldServer> {
  const posted: OldServer['posted'] = [];
  const streams: ServerResponse[] = [];
  const listen = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(
      `event: endpoint\ndata: ${behaviour.endpoint ?? `/messages?session=${streams.length}`}\n\n`,
    );
    streams.push(response);
    response.once('close', () => streams.splice(streams.indexOf(response), 1));
  };
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as JsonObject;
    posted.push({ path: request.url ?? '', body, headers: request.headers });
    const stream = streams.at(-1);
    if (!stream) return void response.writeHead(404).end();
    if (body['method'] === 'initialize')
      say(stream, { id: body['id'] ?? null, result: { protocolVersion: '2024-11-05' } });
    else await behaviour.take?.(body, stream, response);
    if (!response.writableEnded) response.writeHead(202).end('Accepted');
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'POST') void take(request, response);
    else if (behaviour.open) behaviour.open(request, response);
    else listen(response);
  };
  const shown = authority.issue({ commonName: 'server', purpose: 'server' });
  const tls = { cert: shown.certificate, key: shown.key, ca: authority.certificate, requestCert: true };
  const server = (behaviour.mutual ? createTlsServer(tls, serve) : createServer(serve)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  return {
    url: `${behaviour.mutual ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/sse`,
    posted,
    streams,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Says a message on a stream. */
export function say(stream: ServerResponse, message: JsonObject): void {
  stream.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
}
