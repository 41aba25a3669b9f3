import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  requireBearerAuth,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { openHttpServer } from './mcp-servers.ts';

/** A server of SDK 2.x behind the SDK's own gate, which works for whoever shows its key. */
export interface KeyServer extends AsyncDisposable {
  readonly url: string;
  /** From now on this key counts and no other. */
  accept(key: string): void;
  /** The keys that were accepted, in their order. */
  used(): readonly string[];
  /** How many requests were refused. */
  refused(): number;
}

export async function openKeyServer(first: string): Promise<KeyServer> {
  let key = first;
  let refused = 0;
  const used: string[] = [];
  const gate = requireBearerAuth({
    verifier: {
      verifyAccessToken(token) {
        if (token !== key) {
          refused += 1;
          throw new OAuthError(OAuthErrorCode.InvalidToken, 'not this key');
        }
        used.push(token);
        return Promise.resolve({ token, clientId: 'x', scopes: [], expiresAt: 4_000_000_000 });
      },
    },
  });
  const serve = createMcpHandler(() => keyTools(() => key));
  const handle = toNodeHandler({
    async fetch(request: Request) {
      const who = await gate(request);
      return who instanceof Response ? who : await serve.fetch(request, { authInfo: who });
    },
  });
  const server = await openHttpServer((request, response, body) =>
    handle(request as Parameters<typeof handle>[0], response, body),
  );
  return {
    url: server.url,
    accept(next) {
      key = next;
    },
    used: () => used,
    refused: () => refused,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A server whose one tool says the last letter of the key that it works with, or what is wrong with it. */
export function keyTools(key: () => string): McpServer {
  const server = new McpServer({ name: 'key-server', version: '1' });
  server.registerTool('work', { inputSchema: z.object({}) }, () => ({
    content: [{ type: 'text', text: `done with key ${key().slice(-1)}` }],
  }));
  return server;
}
