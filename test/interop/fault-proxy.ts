import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createClient } from '../../src/http/fetch.ts';

/** What the proxy makes of an answer that it has got from the server; null breaks the connection off. */
export type Meddle = (answer: {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly status: number;
  readonly body: string;
}) =>
  | { readonly status: number; readonly body: string }
  | null
  | Promise<{ readonly status: number; readonly body: string } | null>;

/** A proxy between a client and a real server that can be told to lie, to be slow or to be gone. */
export interface FaultProxy extends AsyncDisposable {
  readonly address: string;
  /** Null passes everything on as it is. */
  meddle: Meddle | null;
  /** Requests so far. */
  readonly requests: number;
}

/** Starts a proxy on loopback. `authorities` is the PEM that the server's certificate is verified with. */
export async function startFaultProxy(target: string, authorities: string | null): Promise<FaultProxy> {
  const client = createClient({
    ...(authorities !== null && { tls: { authorities } }),
    addressGuard: 'any',
  });
  let requests = 0;
  const proxy = { meddle: null as Meddle | null };
  const server = createServer((request, response) => {
    requests += 1;
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
      const path = request.url ?? '/';
      const got = await client.request({
        method: request.method ?? 'GET',
        url: target + path,
        headers: headers as Record<string, string>,
        ...(parts.length > 0 && { body: Buffer.concat(parts) }),
      });
      const answer = {
        path,
        headers: request.headers,
        status: got.status,
        body: Buffer.from(got.body).toString('utf8'),
      };
      const shown = proxy.meddle ? await proxy.meddle(answer) : answer;
      if (shown === null) {
        request.socket.destroy();
        return;
      }
      const type = got.headers['content-type'] ?? 'application/json';
      response.writeHead(shown.status, { 'content-type': type }).end(shown.body);
    })().catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return {
    address: `http://127.0.0.1:${bound.port}`,
    get meddle() {
      return proxy.meddle;
    },
    set meddle(value) {
      proxy.meddle = value;
    },
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await client.close();
    },
  };
}
