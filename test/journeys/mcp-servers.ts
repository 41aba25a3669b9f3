import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as ModernServer, createMcpHandler } from '@modelcontextprotocol/server';
import { McpServer as LegacyServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

/** A real MCP server on loopback HTTP. */
export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  /** Bodies of the POSTs that arrived, and the names of their headers. */
  readonly seen: readonly { readonly body: string; readonly headers: Readonly<Record<string, unknown>> }[];
}

/** The official SDK 1.x as a server: sessions, GET stream, requests from the server. */
export async function openLegacyServer(): Promise<HttpServer> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  return await openHttpServer(async (request, response, body) => {
    const id = request.headers['mcp-session-id'];
    let transport = typeof id === 'string' ? sessions.get(id) : undefined;
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => `plain-${sessions.size + 1}`,
        onsessioninitialized: (session) =>
          void sessions.set(session, transport as StreamableHTTPServerTransport),
      });
      await legacyServer().connect(transport);
    }
    await transport.handleRequest(request, response, body);
  });
}

function legacyServer(): LegacyServer {
  const server = new LegacyServer({ name: 'legacy', version: '1' }, { capabilities: { logging: {} } });
  server.registerTool('echo', { inputSchema: { message: z.string() } }, ({ message }) => ({
    content: [{ type: 'text', text: `legacy ${message}` }],
  }));
  server.registerTool('ask', { inputSchema: {} }, async () => {
    const { action } = await server.server.elicitInput({
      message: 'Go on?',
      requestedSchema: { type: 'object', properties: {} },
    });
    return { content: [{ type: 'text', text: action }] };
  });
  server.registerTool('count', { inputSchema: {} }, async (_input, extra) => {
    const progressToken = extra._meta?.progressToken;
    if (progressToken !== undefined) {
      for (const progress of [1, 2, 3]) {
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress },
        });
      }
    }
    return { content: [{ type: 'text', text: 'counted' }] };
  });
  server.registerTool('grow', { inputSchema: {} }, () => {
    // The SDK tells every session that its tools changed, on the stream that belongs to no request.
    server.registerTool('grown', { inputSchema: {} }, () => ({ content: [] }));
    return { content: [{ type: 'text', text: 'grown' }] };
  });
  server.registerTool('hang', { inputSchema: {} }, async (_input, extra) => {
    await new Promise<void>((resolve) => extra.signal.addEventListener('abort', () => resolve()));
    return { content: [] };
  });
  return server;
}

/** The official SDK 2.x as a server of the 2026-07-28 revision. */
export async function openModernServer(): Promise<HttpServer> {
  const handler = createMcpHandler(() => {
    const server = new ModernServer({ name: 'modern', version: '1' });
    server.registerTool('echo', { inputSchema: z.object({ message: z.string() }) }, ({ message }) => ({
      content: [{ type: 'text', text: `modern ${message}` }],
    }));
    server.registerTool('secret', { inputSchema: z.object({}) }, () => ({ content: [] }));
    return server;
  });
  const handle = toNodeHandler(handler);
  return await openHttpServer((request, response, body) =>
    handle(request as Parameters<typeof handle>[0], response, body),
  );
}

export type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void>;

/** Serves what a function answers; bodies of requests are read for it. */
export async function openHttpServer(handle: Handle): Promise<HttpServer> {
  const seen: { body: string; headers: Record<string, unknown> }[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ body, headers: request.headers });
      void handle(request, response, body === '' ? undefined : JSON.parse(body));
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
