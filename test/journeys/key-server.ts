import { openHttpServer } from './mcp-servers.ts';

/** An MCP server of the modern era that works for whoever shows its key. */
export interface KeyServer extends AsyncDisposable {
  readonly url: string;
  /** From now on this key counts and no other. */
  accept(key: string): void;
  /** The credentials that were accepted, in their order. */
  used(): readonly string[];
  /** How many requests were refused. */
  refused(): number;
}

const tool = { name: 'work', inputSchema: { type: 'object' } };

export async function openKeyServer(first: string): Promise<KeyServer> {
  let key = first;
  let refused = 0;
  const used: string[] = [];
  const server = await openHttpServer((request, response, body) => {
    const { authorization = '' } = request.headers;
    if (authorization !== `Bearer ${key}`) {
      refused += 1;
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return Promise.resolve();
    }
    used.push(authorization);
    const { id, method } = body as { id?: number; method?: string };
    response.writeHead(id === undefined ? 202 : 200, { 'content-type': 'application/json' });
    response.end(
      id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, result: resultOf(method, key) }),
    );
    return Promise.resolve();
  });
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

function resultOf(method: string | undefined, key: string): object {
  const common = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
  switch (method) {
    case 'server/discover':
      return {
        ...common,
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {} },
        serverInfo: { name: 'key-server', version: '1' },
      };
    case 'tools/list':
      return { ...common, tools: [tool] };
    default:
      return { ...common, content: [{ type: 'text', text: `done with key ${key.slice(-1)}` }] };
  }
}
