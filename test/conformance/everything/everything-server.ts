import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  localhostHostValidation,
  localhostOriginValidation,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
  toWebRequest,
} from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  createRequestStateCodec,
  isLegacyRequest,
  McpServer,
  type RequestStateCodec,
} from '@modelcontextprotocol/server';
import { addAskingTools } from './asking-tools.ts';
import { addContentTools, type Changes } from './content-tools.ts';
import { createEventStore } from './event-store.ts';
import { addPrompts } from './prompts.ts';
import { addResources } from './resources.ts';
import { addRoundTripTools, type Round } from './round-trip-tools.ts';

/** An MCP server of the official SDK that has everything the conformance suite asks for, in both eras at one address. */
export interface EverythingServer extends AsyncDisposable {
  readonly url: string;
}

/** Opens it on a free loopback port, or on the given one. */
export async function openEverythingServer(port = 0): Promise<EverythingServer> {
  const codec = createRequestStateCodec<Round>({ key: randomBytes(32) });
  const modern = createMcpHandler(() => everything(codec, modern.notify), { legacy: 'reject' });
  const handleModern = toNodeHandler(modern);
  const handleLegacy = createLegacyHandler(codec);
  const validHost = localhostHostValidation();
  const validOrigin = localhostOriginValidation();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!validHost(request, response) || !validOrigin(request, response)) return;
    const body = await readJson(request);
    if (await isLegacyRequest(await toWebRequest(request as Parameters<typeof toWebRequest>[0], body))) {
      return await handleLegacy(request, response, body);
    }
    await handleModern(request as Parameters<typeof handleModern>[0], response, body);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      await modern.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function everything(codec: RequestStateCodec<Round>, changes: Changes): McpServer {
  const server = new McpServer(
    { name: 'countersign-everything', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        completions: {},
        logging: {},
      },
      requestState: { verify: codec.verify },
      cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'public' } },
    },
  );
  addContentTools(server, changes);
  addAskingTools(server);
  addRoundTripTools(server, codec);
  addResources(server);
  addPrompts(server);
  return server;
}

type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void>;

const noSession = { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } };

/** Sessions, each with a server of its own, resumable streams and subscriptions. */
function createLegacyHandler(codec: RequestStateCodec<Round>): Handle {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  let opened = 0;

  const open = async (): Promise<NodeStreamableHTTPServerTransport> => {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => `everything-${++opened}`,
      eventStore: createEventStore(),
      retryInterval: 500,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    const server: McpServer = everything(codec, {
      toolsChanged: () => server.sendToolListChanged(),
      promptsChanged: () => server.sendPromptListChanged(),
    });
    server.server.setRequestHandler('resources/subscribe', () => ({}));
    server.server.setRequestHandler('resources/unsubscribe', () => ({}));
    await server.connect(transport);
    return transport;
  };

  return async (request, response, body) => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : await open();
    if (known) return await known.handleRequest(request, response, body);
    response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(noSession));
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
