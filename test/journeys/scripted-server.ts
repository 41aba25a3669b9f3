import type { ServerResponse } from 'node:http';
import { type HttpServer, openHttpServer } from './mcp-servers.ts';

export type Params = Readonly<Record<string, unknown>>;
type Result = Readonly<Record<string, unknown>>;

/** What a server answers, by method; `wait` never answers, a function may. */
export type Script = Readonly<Record<string, Result | 'wait' | ((params: Params) => Result | 'wait')>>;

/** A server of both eras that says what a test wants it to say. */
export interface ScriptedServer extends HttpServer {
  /** What was asked of it, in order. */
  readonly asked: readonly { readonly method: string; readonly params: Params }[];
  /** Sends a message on every open stream; `subscriptionId` is added where the revision has it. */
  tell(method: string, params: Params): void;
  /** Asks its client something on every open stream. */
  question(id: number, method: string, params: Params): void;
  /** Sends anything on every open stream. */
  say(message: object): void;
  /** Open streams. */
  readonly streams: number;
  /** Ends every open stream. */
  hangUp(): void;
  /** Forgets its sessions, as after a restart. */
  forget(): void;
}

interface Incoming {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Params;
}

export async function openScriptedServer(script: Script): Promise<ScriptedServer> {
  const asked: { method: string; params: Params }[] = [];
  const streams = new Map<ServerResponse, string | number | null>();
  let sessions = new Set<string>();
  const send = (stream: ServerResponse, message: object): void =>
    void stream.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
  const listen = (response: ServerResponse, id: string | number | null): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    streams.set(response, id);
    response.once('close', () => streams.delete(response));
  };
  const server = await openHttpServer(async (request, response, body) => {
    const given = request.headers['mcp-session-id'];
    if (typeof given === 'string' && !sessions.has(given)) return void response.writeHead(404).end();
    if (request.method === 'GET') return listen(response, null);
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    const { id, method, params = {} } = body as Incoming;
    asked.push({ method: method ?? 'response', params: method === undefined ? (body as Params) : params });
    if (id === undefined || method === undefined) return void response.writeHead(202).end();
    if (method === 'subscriptions/listen') {
      listen(response, id);
      const meta = { 'io.modelcontextprotocol/subscriptionId': id };
      const { notifications } = params;
      return send(response, {
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications, _meta: meta },
      });
    }
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (method === 'initialize') {
      headers['mcp-session-id'] = `scripted-${sessions.size + 1}`;
      sessions.add(headers['mcp-session-id']);
    }
    const entry = script[method] ?? greeting(method, params);
    const result = typeof entry === 'function' ? entry(params) : entry;
    if (result === 'wait') return;
    const answer = result === null ? { error: { code: -32601, message: 'no such method' } } : { result };
    response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
  return {
    url: server.url,
    seen: server.seen,
    asked,
    tell(method, params) {
      for (const [stream, id] of streams) {
        const meta = id === null ? {} : { _meta: { 'io.modelcontextprotocol/subscriptionId': id } };
        send(stream, { method, params: { ...params, ...meta } });
      }
    },
    say(message) {
      for (const stream of streams.keys()) {
        if (Array.isArray(message)) stream.write(`data: ${JSON.stringify(message)}\n\n`);
        else send(stream, message);
      }
    },
    question(id, method, params) {
      for (const stream of streams.keys()) send(stream, { id, method, params });
    },
    get streams() {
      return streams.size;
    },
    hangUp() {
      for (const stream of streams.keys()) stream.end();
    },
    forget() {
      sessions = new Set();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** What either era asks first; null for anything else. */
function greeting(method: string, params: Params): Result | null {
  const serverInfo = { name: 'scripted', version: '1' };
  const capabilities = {
    tools: { listChanged: true },
    prompts: {},
    resources: { subscribe: true },
    tasks: { list: {} },
    logging: {},
    completions: {},
  };
  switch (method) {
    case 'initialize':
      return { protocolVersion: params['protocolVersion'], capabilities, serverInfo };
    case 'server/discover':
      return { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities, serverInfo };
    default:
      return null;
  }
}

/** A tool as a list shows it. */
export function tool(name: string): Result {
  return { name, inputSchema: { type: 'object' } };
}
