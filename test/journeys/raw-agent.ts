import type { Town } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';

/** The JSON-RPC answer to a request, with the status it came with. */
export interface RawAnswer {
  readonly status: number;
  readonly session: string | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly data?: { code?: string };
  } | null;
}

type Params = Readonly<Record<string, unknown>>;

/** The messages of an open stream as they come. */
export interface RawStream {
  readonly status: number;
  readonly messages: readonly Params[];
  /** Resolves when the server has ended it properly; rejects when it broke. */
  readonly ended: Promise<void>;
  close(): void;
}

/** An agent that writes its own messages to the endpoint of all servers, or of one. */
export interface RawAgent extends AsyncDisposable {
  /** A request of 2026-07-28. */
  modern(method: string, params?: Params): Promise<RawAnswer>;
  /** A request of 2025-11-25; `session` is null for `initialize`. */
  legacy(session: string | null, method: string, params?: Params): Promise<RawAnswer>;
  /** A session of its own. */
  initialize(): Promise<string>;
  /** Opens a stream: `subscriptions/listen`, or the GET of a legacy session. */
  stream(of: { readonly listen: Params } | { readonly session: string }): Promise<RawStream>;
  /** Any other exchange. */
  fetch(init: {
    method: string;
    headers?: Record<string, string>;
    body?: string;
    signal?: AbortSignal;
  }): Promise<Response>;
}

const both = 'application/json, text/event-stream';
const capabilities = { elicitation: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };

/** `known`: an agent that is registered, with another certificate; `at`: an endpoint elsewhere. */
export async function rawAgent(
  town: Town,
  name: string,
  {
    server,
    known = false,
    at,
  }: { readonly server?: string; readonly known?: boolean; readonly at?: string } = {},
): Promise<RawAgent> {
  if (!known) await town.addAgent(name);
  const fetch = mutualFetch(await town.issue(name));
  const url = at ?? (server === undefined ? `${town.gateway.agents.url}/mcp` : town.endpoint(server));
  let ids = 0;
  const legacy: RawAgent['legacy'] = async (session, method, params = {}) => {
    const headers: Record<string, string> = { 'content-type': 'application/json', accept: both };
    if (session !== null) headers['mcp-session-id'] = session;
    if (session !== null) headers['mcp-protocol-version'] = '2025-11-25';
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++ids, method, params });
    return await readAnswer(await fetch(url, { method: 'POST', headers, body }), ids);
  };
  return {
    legacy,
    async modern(method, params = {}) {
      const id = ++ids;
      return await readAnswer(await fetch(url, { method: 'POST', ...modernRequest(id, method, params) }), id);
    },
    async initialize() {
      const hello = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'raw', version: '1' },
      };
      const { session } = await legacy(null, 'initialize', hello);
      if (session === null) throw new Error('no session was given');
      return session;
    },
    async stream(of) {
      const closing = new AbortController();
      const { signal } = closing;
      const response =
        'listen' in of
          ? await fetch(url, {
              method: 'POST',
              ...modernRequest(++ids, 'subscriptions/listen', of.listen),
              signal,
            })
          : await fetch(url, { method: 'GET', headers: sessionHeaders(of.session), signal });
      const messages: Params[] = [];
      const ended = follow(response, messages);
      ended.catch(() => undefined);
      return { status: response.status, messages, ended, close: () => closing.abort() };
    },
    fetch: (init) => fetch(url, init),
    [Symbol.asyncDispose]: () => fetch[Symbol.asyncDispose](),
  };
}

/** Headers and body of a request of 2026-07-28. */
export function modernRequest(id: number, method: string, params: Params) {
  const named = params['name'] ?? params['uri'] ?? params['taskId'];
  const mirrors = /^(tools\/call|prompts\/get|resources\/read|tasks\/(get|update|cancel))$/.test(method);
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: both,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(mirrors && typeof named === 'string' ? { 'mcp-name': encode(named) } : {}),
  };
  return { headers, body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }) };
}

/** The headers of a stream of a legacy session. */
export function sessionHeaders(session: string): Record<string, string> {
  return {
    accept: 'text/event-stream',
    'mcp-session-id': session,
    'mcp-protocol-version': '2025-11-25',
  };
}

async function follow(response: Response, messages: Params[]): Promise<void> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = /^data: (.+)$/m.exec(block)?.[1];
      if (data !== undefined) messages.push(JSON.parse(data) as Params);
    }
  }
}

function encode(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

/** The answer to one request, in JSON or at the end of an event stream. */
export async function readAnswer(response: Response, id: number): Promise<RawAnswer> {
  const text = await response.text();
  const messages = response.headers.get('content-type')?.startsWith('text/event-stream')
    ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data ?? 'null') as Params)
    : [text === '' ? {} : (JSON.parse(text) as Params)];
  const answer = messages.find((message) => message['id'] === id) ?? messages.at(-1) ?? {};
  return {
    status: response.status,
    session: response.headers.get('mcp-session-id'),
    result: (answer['result'] ?? null) as RawAnswer['result'],
    error: (answer['error'] ?? null) as RawAnswer['error'],
  };
}
