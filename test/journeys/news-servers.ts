import { join } from 'node:path';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer as ModernServer } from '@modelcontextprotocol/server';
import { McpServer as LegacyServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Town } from './deployment.ts';
import { type HttpServer, openHttpServer } from './mcp-servers.ts';

/** The one resource of these servers. */
export const note = 'note://hello';

/** Servers whose tool `touch` updates their resource and whose tool `grow` adds a tool, of both eras and over every transport. */
export const newsServers = ['old-http', 'old-sse', 'old-stdio', 'new-http'] as const;

type NewsServer = (typeof newsServers)[number];

/** Opens them and registers them in a town. */
export async function openNewsServers(
  town: Town,
  names: readonly NewsServer[] = newsServers,
): Promise<AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  for (const name of names) {
    if (name === 'old-http') await town.addHttpServer(name, opened.use(await legacyHttp()).url);
    else if (name === 'old-sse') await town.addSseServer(name, opened.use(await legacySse()).url);
    else if (name === 'new-http') await town.addHttpServer(name, opened.use(await modernHttp()).url);
    else await town.addStdioServer(name, [process.execPath, join(import.meta.dirname, 'stdio-news-v1.ts')]);
  }
  return opened.move();
}

/** A server of SDK 1.x for one session. */
export function legacyNews(): LegacyServer {
  const capabilities = { resources: { subscribe: true } };
  const server = new LegacyServer({ name: 'old', version: '1' }, { capabilities });
  const subscribed = new Set<string>();
  server.registerResource('note', note, {}, ({ href: uri }) => ({ contents: [{ uri, text: 'a note' }] }));
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    subscribed.add(params.uri);
    return {};
  });
  server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
  server.registerTool('touch', { inputSchema: {} }, async () => {
    for (const uri of subscribed) await server.server.sendResourceUpdated({ uri });
    return { content: [{ type: 'text', text: String(subscribed.size) }] };
  });
  server.registerTool('grow', { inputSchema: {} }, () => {
    // The SDK tells the session that its tools have changed.
    server.registerTool('grown', { inputSchema: {} }, () => ({ content: [] }));
    return { content: [] };
  });
  return server;
}

async function legacyHttp(): Promise<HttpServer> {
  const sessions = new Map<unknown, StreamableHTTPServerTransport>();
  return await openHttpServer(async (request, response, body) => {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport) {
      const opened = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => `old-${sessions.size}`,
        onsessioninitialized: (id) => void sessions.set(id, opened),
      });
      await legacyNews().connect(opened);
      transport = opened;
    }
    await transport.handleRequest(request, response, body);
  });
}

async function legacySse(): Promise<HttpServer> {
  const held = new Map<string, SSEServerTransport>();
  return await openHttpServer(async (request, response, body) => {
    if (request.method === 'GET') {
      const transport = new SSEServerTransport('/messages', response);
      held.set(transport.sessionId, transport);
      return await legacyNews().connect(transport);
    }
    const session = new URL(request.url ?? '', 'http://server').searchParams.get('sessionId');
    await held.get(session ?? '')?.handlePostMessage(request, response, body);
  });
}

async function modernHttp(): Promise<HttpServer> {
  let hasGrown = false;
  const handler = createMcpHandler(
    () => {
      const capabilities = { resources: { subscribe: true }, tools: { listChanged: true } };
      const server = new ModernServer({ name: 'new', version: '1' }, { capabilities });
      const nothing = z.object({});
      server.registerResource('note', note, {}, ({ href: uri }) => ({ contents: [{ uri, text: 'a note' }] }));
      server.registerTool('touch', { inputSchema: nothing }, () => {
        handler.notify.resourceUpdated(note);
        return { content: [] };
      });
      server.registerTool('grow', { inputSchema: nothing }, () => {
        hasGrown = true;
        handler.notify.toolsChanged();
        return { content: [] };
      });
      if (hasGrown) server.registerTool('grown', { inputSchema: nothing }, () => ({ content: [] }));
      return server;
    },
    { legacy: 'reject' },
  );
  const handle = toNodeHandler(handler);
  return await openHttpServer((request, response, body) =>
    handle(request as Parameters<typeof handle>[0], response, body),
  );
}
