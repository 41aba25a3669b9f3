import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { ask, postOf } from './http-reader.ts';

/** One agent of a load process. */
export interface LoadAgent {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  /** The port of its gateway. */
  readonly port: number;
}

/** What a load process is told first. */
export interface LoadOrder {
  readonly authority: string;
  /** A file with the agents, as JSON. */
  readonly agents: string;
  readonly servers: number;
  /** Between two calls of an agent, on average, in milliseconds. */
  readonly pauseMilliseconds: number;
}

/** What it says. */
export type LoadWord =
  | { readonly word: 'connected'; readonly failed: number; readonly calls: number }
  /** The connection of an agent ended; epoch milliseconds. */
  | { readonly word: 'closed'; readonly name: string; readonly at: number }
  | ({ readonly word: 'done' } & LoadResult);

/** What it saw while it was counted. */
export interface LoadResult {
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
  /** Milliseconds from each call to its answer. */
  readonly times: readonly number[];
}

if (process.send) process.once('message', (order) => void work(order as LoadOrder));

/** Until all are connected an agent calls only so often that its connection stays, in milliseconds. */
const waiting = 20_000;
const seen = { answered: 0, refused: 0, failed: 0, times: [] as number[] };
const state = { counting: false, over: false, calls: 0, pause: waiting };

/** Connects all, each with a first call, says so, and calls as ordered from `go` to `stop`. */
async function work(order: LoadOrder): Promise<void> {
  const agents = JSON.parse(readFileSync(order.agents, 'utf8')) as readonly LoadAgent[];
  process.on('message', (message) => {
    if (message === 'go') state.pause = order.pauseMilliseconds;
    if (message === 'count') state.counting = true;
    if (message === 'stop') {
      state.over = true;
      say({ word: 'done', ...seen });
      setTimeout(() => process.exit(), 200);
    }
  });
  let next = 0;
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let agent = agents[next++]; agent; agent = agents[next++]) {
      const socket = await connectTo(order, agent);
      if (socket) void live(order, agent, socket);
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  say({ word: 'connected', failed, calls: state.calls });
}

function connectTo(
  { authority: ca }: LoadOrder,
  { name, cert, key, port }: LoadAgent,
): Promise<TLSSocket | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, cert, key });
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('secureConnect', () => resolve(socket));
    socket.once('close', () => {
      resolve(null);
      if (!state.over) say({ word: 'closed', name, at: Date.now() });
    });
  });
}

/** The calls of one agent: nine of ten at their servers, one that policy refuses; one agent of twenty in a session of 2025-11-25. */
async function live(order: LoadOrder, agent: LoadAgent, socket: TLSSocket): Promise<void> {
  const number = Number(/\d+$/.exec(agent.name)?.[0] ?? 0);
  const path = `/mcp/s${number % order.servers}`;
  const session = number % 20 === 0 ? await openSession(socket, path) : null;
  let open: TLSSocket | null = socket;
  for (let calls = 0; !state.over; calls += 1) {
    if (calls > 0) await wait();
    if (state.over) return;
    // Whose connection ended makes another one, as a client does.
    if (open?.destroyed !== false) open = await connectTo(order, agent);
    const tool = (number + calls) % 10 === 9 ? 'denied' : 'echo';
    const began = performance.now();
    const answer = open && (await ask(open, callOf(path, tool, session)));
    state.calls += 1;
    if (!state.counting || state.over) continue;
    seen.times.push(performance.now() - began);
    if (answer?.status !== 200) seen.failed += 1;
    else if (answer.body.includes('"error"')) seen.refused += 1;
    else seen.answered += 1;
  }
}

/** So long as calls are apart on average; but woken when that becomes shorter. */
async function wait(): Promise<void> {
  const share = 2 * Math.random();
  const began = performance.now();
  while (!state.over && performance.now() - began < state.pause * share) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, state.pause * share)));
  }
}

function callOf(path: string, tool: string, session: string | null): string {
  const params = { name: tool, arguments: { message: 'x'.repeat(64) } };
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call' };
  if (session !== null) {
    const headers = { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': '2025-11-25' };
    return postOf(path, headers, { ...call, params });
  }
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': tool };
  return postOf(path, headers, { ...call, params: { ...params, _meta } });
}

async function openSession(socket: TLSSocket, path: string): Promise<string | null> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'scale', version: '1' },
  };
  const opened = await ask(socket, postOf(path, {}, { jsonrpc: '2.0', id: 0, method: 'initialize', params }));
  const session = /\r\nmcp-session-id: *(\S+)/i.exec(opened?.head ?? '')?.[1] ?? null;
  if (session === null) return null;
  const headers = { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': '2025-11-25' };
  await ask(socket, postOf(path, headers, { jsonrpc: '2.0', method: 'notifications/initialized' }));
  return session;
}

function say(word: LoadWord): void {
  process.send?.(word);
}
