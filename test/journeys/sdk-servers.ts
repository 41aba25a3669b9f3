import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Town } from './deployment.ts';
import { createTools } from './sdk-tools.ts';

/** One way in which an official SDK serves MCP. */
export interface SdkServer {
  readonly name: string;
  readonly transport: 'http' | 'sse' | 'stdio';
  readonly eras: readonly ('legacy' | 'modern')[];
  /** Registers it in a town. */
  open(town: Town): Promise<AsyncDisposable>;
}

export const sdkServers: readonly SdkServer[] = [
  {
    name: 'v1-http',
    transport: 'http',
    eras: ['legacy'],
    open: (town) => serve(town, 'v1-http', legacySessions()),
  },
  {
    name: 'v2-http-sessions',
    transport: 'http',
    eras: ['legacy'],
    open: (town) => serve(town, 'v2-http-sessions', sessions()),
  },
  { name: 'v2-http', transport: 'http', eras: ['modern'], open: (town) => serve(town, 'v2-http', modern()) },
  {
    name: 'v1-sse',
    transport: 'sse',
    eras: ['legacy'],
    open: (town) => serve(town, 'v1-sse', streams(), 'addSseServer'),
  },
  {
    name: 'v1-stdio',
    transport: 'stdio',
    eras: ['legacy'],
    open: (town) => child(town, 'v1-stdio', 'stdio-server-v1.ts'),
  },
  {
    name: 'v2-stdio',
    transport: 'stdio',
    eras: ['legacy', 'modern'],
    open: (town) => child(town, 'v2-stdio', 'stdio-server-v2.ts'),
  },
  {
    name: 'v2-stdio-modern',
    transport: 'stdio',
    eras: ['modern'],
    open: (town) => child(town, 'v2-stdio-modern', 'stdio-server-v2.ts', 'reject'),
  },
];

type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void>;

/** SDK 1.x with a session for each client. */
function legacySessions(): Handle {
  const tools = createTools();
  const held = new Map<string, StreamableHTTPServerTransport>();
  return async (request, response, body) => {
    const known = held.get(String(request.headers['mcp-session-id']));
    if (known) return await known.handleRequest(request, response, body);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => `v1-${held.size}`,
      onsessioninitialized: (id) => void held.set(id, transport),
    });
    await tools.legacy().connect(transport);
    await transport.handleRequest(request, response, body);
  };
}

/** SDK 1.x with the transport of 2024-11-05: a stream for each client, and an endpoint that messages are posted to. */
function streams(): Handle {
  const tools = createTools();
  const held = new Map<string, SSEServerTransport>();
  return async (request, response, body) => {
    if (request.method === 'GET') {
      const transport = new SSEServerTransport('/messages', response);
      held.set(transport.sessionId, transport);
      response.once('close', () => held.delete(transport.sessionId));
      return await tools.legacy().connect(transport);
    }
    const session = new URL(request.url ?? '', 'http://server').searchParams.get('sessionId');
    const transport = held.get(session ?? '');
    if (transport) await transport.handlePostMessage(request, response, body);
    else response.writeHead(404).end();
  };
}

/** SDK 2.x in the legacy era, with a session for each client. */
function sessions(): Handle {
  const tools = createTools();
  const held = new Map<string, NodeStreamableHTTPServerTransport>();
  return async (request, response, body) => {
    const known = held.get(String(request.headers['mcp-session-id']));
    if (known) return await known.handleRequest(request, response, body);
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => `v2-${held.size}`,
      onsessioninitialized: (id) => void held.set(id, transport),
    });
    await tools.modern().connect(transport);
    await transport.handleRequest(request, response, body);
  };
}

/** SDK 2.x in the modern era alone. */
function modern(): Handle {
  const tools = createTools();
  const handle = toNodeHandler(createMcpHandler(() => tools.modern(), { legacy: 'reject' }));
  return (request, response, body) => handle(request as Parameters<typeof handle>[0], response, body);
}

async function serve(
  town: Town,
  name: string,
  handle: Handle,
  add: 'addHttpServer' | 'addSseServer' = 'addHttpServer',
): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const body = Buffer.concat(chunks).toString();
      void handle(request, response, body === '' ? undefined : JSON.parse(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await town[add](name, `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function child(
  town: Town,
  name: string,
  script: string,
  ...more: readonly string[]
): Promise<AsyncDisposable> {
  await town.addStdioServer(name, [process.execPath, join(import.meta.dirname, script), ...more]);
  return { [Symbol.asyncDispose]: async () => undefined };
}
