import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Exchange, Listener } from '../http/exchange.ts';
import { listen } from '../http/listen.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { startAuthority, type FixtureAuthority, type ListenerKind } from './authority.fixture.ts';
import { type BridgeOptions, startBridge } from './bridge.ts';
import type { RunningBridge } from './open-face.ts';

/** One request that reached the gateway. */
export interface Seen {
  readonly exchange: Exchange;
  readonly message: JsonObject;
}

/** What stands around a bridge in its specifications. */
export interface Stage extends AsyncDisposable {
  readonly authority: FixtureAuthority;
  readonly folder: string;
  /** Every POST that came, in order. */
  readonly seen: Seen[];
  readonly log: string[];
  /** Answers everything the gateway is asked. */
  answer: (seen: Seen) => Promise<void>;
  gateway: Listener;
  openGateway(port?: number, as?: ListenerKind): Promise<Listener>;
  options(more?: Partial<BridgeOptions>): BridgeOptions;
  /** A stdio client with a bridge that has enrolled. */
  connect(more?: Partial<BridgeOptions>): Promise<FixtureClient>;
}

/** The MCP client's end of the pipes. */
export interface FixtureClient {
  readonly bridge: RunningBridge;
  readonly lines: string[];
  send(message: object): void;
  raw(text: string | Uint8Array): void;
  /** The first message, from the beginning, that fits. */
  next(fits: (message: JsonObject) => boolean): Promise<JsonObject>;
  answerTo(id: string | number): Promise<JsonObject>;
  end(): Promise<number>;
}

export const quick = {
  patienceMilliseconds: 2_000,
  backOffMilliseconds: 10,
  longestBackOffMilliseconds: 40,
  reloadMilliseconds: 0,
  renewalCheckMilliseconds: 20,
  farewellMilliseconds: 1_000,
};

export async function setStage(answer: Stage['answer'] = answerLegacy): Promise<Stage> {
  const authority = await startAuthority();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  const bridges: RunningBridge[] = [];
  const stage: Stage = {
    authority,
    folder,
    seen: [],
    log: [],
    answer,
    gateway: await openGateway(),
    openGateway,
    options: (more = {}) => ({
      gateway: `${stage.gateway.url}/mcp/files`,
      authority: authority.url,
      agent: 'ci-bot',
      joinToken: null,
      authorityFile: null,
      rootFingerprint: authority.fingerprint,
      stateFolder: join(folder, 'state'),
      environment: {},
      face: { kind: 'stdio', input: new PassThrough(), output: new PassThrough() },
      clock: systemClock,
      log: (line) => stage.log.push(line),
      limits: quick,
      ...more,
    }),
    async connect(more = {}) {
      authority.tokens.set('token', 'ci-bot');
      const [input, output] = [new PassThrough(), new PassThrough()];
      const face = { kind: 'stdio', input, output } as const;
      const bridge = await startBridge(stage.options({ joinToken: 'token', face, ...more }));
      bridges.push(bridge);
      return createFixtureClient(bridge, input, output);
    },
    async [Symbol.asyncDispose]() {
      for (const bridge of bridges) await bridge[Symbol.asyncDispose]();
      await stage.gateway.close();
      await authority[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return stage;

  function openGateway(port = 0, as: ListenerKind = 'gateway'): Promise<Listener> {
    return listen({
      name: 'agents',
      host: '127.0.0.1',
      port,
      tls: { material: authority.material(as), clientCertificate: 'required', minimumVersion: 'TLSv1.3' },
      hosts: [],
      origins: [],
      async handle(exchange) {
        const body = await exchange.body({ bytes: 32 * 1024 * 1024, milliseconds: 5_000 });
        const message = (body.length > 0 ? JSON.parse(Buffer.from(body).toString()) : {}) as JsonObject;
        const seen = { exchange, message };
        stage.seen.push(seen);
        await stage.answer(seen);
      },
      clock: systemClock,
    });
  }
}

export function createFixtureClient(
  bridge: RunningBridge,
  input: PassThrough,
  output: PassThrough,
): FixtureClient {
  const lines: string[] = [];
  const waiters = new Set<() => void>();
  let rest = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    for (const wake of waiters) wake();
  });
  const next: FixtureClient['next'] = async (fits) => {
    for (;;) {
      const found = lines.map((line) => JSON.parse(line) as JsonObject).find(fits);
      if (found) return found;
      await new Promise<void>((resolve) => {
        waiters.add(resolve);
      });
    }
  };
  return {
    bridge,
    lines,
    send: (message) => void input.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    raw: (text) => void input.write(text),
    next,
    answerTo: (id) => next((message) => message['id'] === id && message['method'] === undefined),
    async end() {
      input.end();
      return await bridge.ended;
    },
  };
}

/** A legacy server with a session, without a stream of its own. */
export async function answerLegacy({ exchange, message }: Seen): Promise<void> {
  if (exchange.method === 'GET') return await exchange.respond(405, { allow: 'POST' });
  if (exchange.method === 'DELETE') return await exchange.respond(200, {});
  if (message['id'] === undefined || message['method'] === undefined) return await exchange.respond(202, {});
  const session = message['method'] === 'initialize' ? { 'mcp-session-id': 'session-1' } : {};
  await answerJson(exchange, resultFor(message), session);
}

export function resultFor(message: JsonObject): JsonObject {
  const result =
    message['method'] === 'initialize'
      ? { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'fixture', version: '1' } }
      : { echoed: message['method'] ?? null };
  return { jsonrpc: '2.0', id: message['id'] ?? null, result };
}

export async function answerJson(
  exchange: Exchange,
  value: JsonObject,
  headers: Record<string, string> = {},
  status = 200,
): Promise<void> {
  await exchange.respond(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(value));
}

export const initialize = {
  id: 'init',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

/** Opens a legacy session the way a client does. */
export async function openSession(client: FixtureClient): Promise<void> {
  client.send(initialize);
  await client.answerTo('init');
  client.send({ method: 'notifications/initialized' });
}

export const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** The machine's clock, moved; it counts how often the time was asked for. */
export function shiftedClock(): Clock & { shift(milliseconds: number): void; readonly reads: number } {
  let offset = 0;
  let reads = 0;
  return {
    get reads() {
      return reads;
    },
    now() {
      reads++;
      return systemClock.now() + offset;
    },
    monotonic: () => systemClock.monotonic(),
    shift(milliseconds) {
      offset += milliseconds;
    },
  };
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
