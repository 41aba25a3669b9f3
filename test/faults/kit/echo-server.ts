import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** An MCP server of the revision 2026-07-28 that writes down which calls reached it. */
export interface EchoServer extends AsyncDisposable {
  readonly url: string;
  /** The messages of the calls that reached it, in their order. */
  readonly reached: readonly string[];
  /** Shows another certificate from now on. */
  replace(identity: ServerIdentity): void;
}

/** A certificate and its key, in PEM. */
export interface ServerIdentity {
  readonly cert: string;
  readonly key: string;
}

interface Request {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly arguments?: { readonly message?: string } };
}

/** Over HTTPS with an identity. Its answers cost next to nothing, so that what is measured is the gateway. */
export async function openEchoServer(identity: ServerIdentity | null = null): Promise<EchoServer> {
  const reached: string[] = [];
  const answer: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.once('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(parts).toString() || '{}') as Request;
      const message = params?.arguments?.message;
      if (method === 'tools/call' && message !== undefined) reached.push(message);
      const result =
        method === 'tools/call'
          ? { resultType: 'complete', content: [{ type: 'text', text: `echo ${message}` }] }
          : discovered;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
  };
  const secure = identity && createTlsServer({ ...identity }, answer);
  const server: Server = secure ?? createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${secure ? 'https://localhost' : 'http://127.0.0.1'}:${(server.address() as AddressInfo).port}/mcp`,
    reached,
    replace: (other) => secure?.setSecureContext({ ...other }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const discovered = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  serverInfo: { name: 'echo', version: '1' },
};
