import { Agent, request, type RequestOptions } from 'node:https';

/** What came back from one request made without any of our code: a status, or the reason there was none. */
export interface RawAnswer {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly failure: string | null;
}

/** The authority to trust, and a client certificate or none. */
export interface Presented {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

const revision = '2025-11-25';
const greeting = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'tour', version: '1' } },
};

/** The first request of an MCP session, on a connection of its own, with Node's own HTTPS client. */
export function rawInitialize(url: string, presented: Presented): Promise<RawAnswer> {
  return post(url, presented, false, greeting, {});
}

/** An open session with one live stream, on one keep-alive connection each. */
export interface RawSession {
  /** One more request in the session, over the connection that is open. */
  ping(): Promise<RawAnswer>;
  /** Resolves when the live stream has ended. */
  readonly streamCut: Promise<void>;
  close(): void;
}

/** Opens a session and its live stream; rejects when either is refused. */
export async function openRawSession(url: string, presented: Presented): Promise<RawSession> {
  const agent = new Agent({ keepAlive: true, maxSockets: 2, ...presented });
  const opened = await post(url, presented, agent, greeting, {});
  const session = opened.headers['mcp-session-id'];
  if (opened.status !== 200 || typeof session !== 'string') {
    throw new Error(`no session: ${opened.status ?? opened.failure} ${opened.body}`);
  }
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': revision };
  await post(url, presented, agent, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
  const { cut: streamCut } = await openStream(url, agent, headers);
  let id = 1;
  return {
    ping: () => post(url, presented, agent, { jsonrpc: '2.0', id: ++id, method: 'ping' }, headers),
    streamCut,
    close: () => agent.destroy(),
  };
}

function openStream(
  url: string,
  agent: Agent,
  headers: Record<string, string>,
): Promise<{ readonly cut: Promise<void> }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, headers: { ...headers, accept: 'text/event-stream' } }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`no stream: ${response.statusCode}`));
        return;
      }
      const cut = new Promise<void>((done) => response.resume().once('close', done));
      response.on('error', () => undefined);
      resolve({ cut });
    });
    sent.once('error', reject);
    sent.end();
  });
}

/** One POST of a JSON value over mutual TLS, as any program could make it. */
export function post(
  url: string,
  presented: Presented,
  agent: RequestOptions['agent'],
  value: unknown,
  headers: Record<string, string>,
): Promise<RawAnswer> {
  const all = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...headers,
  };
  return send(url, { ...presented, agent, headers: all }, JSON.stringify(value));
}

/** One POST of a form over mutual TLS. */
export function postForm(
  url: string,
  presented: Presented,
  fields: Record<string, string>,
): Promise<RawAnswer> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  return send(url, { ...presented, agent: false, headers }, new URLSearchParams(fields).toString());
}

function send(url: string, options: RequestOptions, body: string): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const failed = (failure: string): void => resolve({ status: null, headers: {}, body: '', failure });
    const sent = request(url, { ...options, method: 'POST' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', () => undefined);
      response.on('close', () => {
        resolve({
          status: response.statusCode ?? null,
          headers: response.headers,
          body: text,
          failure: null,
        });
      });
    });
    sent.setTimeout(5_000, () => sent.destroy(new Error('no answer in 5 s')));
    sent.once('error', (error) => failed(plainly(error.message)));
    sent.end(body);
  });
}

/** The TLS alert in OpenSSL's message, or what Node says of a connection that just ended. */
function plainly(message: string): string {
  const alert = /alert ([a-z ]+):/.exec(message)?.[1];
  if (alert !== undefined) return `TLS alert "${alert}"`;
  return message === 'socket hang up' ? 'the gateway ended the TLS connection' : message;
}
