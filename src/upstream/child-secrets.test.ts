import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { createRedactor } from '../secrets/redact.ts';
import { createSecretResolver, type Secrets } from '../secrets/resolve.ts';
import { defaultIsolation } from './isolation/isolation.ts';
import { createUpstream } from './create-upstream.ts';
import { jsonOf, post } from './inbound.fixture.ts';
import type { ServerEra, StdioServerDefinition } from './server-definition.ts';
import type { Upstream } from './upstream.ts';

/** A server that says with which key it was started, at once or after a while. */
const program = `
  const say = (o) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...o }) + '\\n');
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const m = JSON.parse(line);
    const modern = { resultType: 'complete' };
    if (m.method === 'initialize') say({ id: m.id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } } });
    if (m.method === 'tools/call') {
      const text = process.env.KEY + ' ' + process.pid;
      setTimeout(() => say({ id: m.id, result: { ...modern, content: [{ type: 'text', text }] } }), m.params.arguments.wait ?? 0);
    }
  });`;

interface Vault {
  value: string;
  fails: boolean;
}

function secretsOf(vault: Vault): Secrets {
  return createSecretResolver({
    environment: {},
    redactor: createRedactor(),
    clock: systemClock,
    holdMilliseconds: 0,
    limits: { attemptMilliseconds: 1_000, totalMilliseconds: 1_000, attempts: 1, concurrent: 8 },
    holders: {
      vault: {
        async read() {
          if (vault.fails) throw new Fault('unavailable', 'It is sealed.');
          return { fields: new Map([['key', vault.value]]), whole: null, lease: null };
        },
        async [Symbol.asyncDispose]() {},
      },
    },
  });
}

function open(vault: Vault, era: ServerEra): Upstream {
  const definition: StdioServerDefinition = {
    name: 'work',
    description: '',
    transport: 'stdio',
    era,
    command: [process.execPath, '-e', program],
    directory: null,
    environment: { KEY: 'vault:kv/data/work#key' },
    isolation: { ...defaultIsolation, by: 'none' },
  };
  return createUpstream(definition, {
    clock: systemClock,
    identity: () => ({ certificate: '', key: '' }),
    log: () => undefined,
    secrets: secretsOf(vault),
  });
}

async function work(
  upstream: Upstream,
  era: 'modern' | 'legacy',
  more: JsonObject = {},
  session?: string,
): Promise<string> {
  const { wait: delay = 0, id = 1 } = more;
  const call = {
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'x', arguments: { wait: delay } },
  };
  const headers: Record<string, string> = session === undefined ? {} : { 'mcp-session-id': session };
  const answer = await jsonOf(await upstream.send(post(era, call, { headers })));
  const result = answer['result'] as { content?: readonly { text?: string }[] } | undefined;
  return result?.content?.[0]?.text ?? JSON.stringify(answer);
}

async function begin(upstream: Upstream): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
  const initialize = { jsonrpc: '2.0', id: 0, method: 'initialize', params };
  const { headers } = await upstream.send(post('legacy', initialize));
  return headers['mcp-session-id'] ?? '';
}

const pidIn = (text: string): number => Number(text.split(' ')[1]);

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 300 && alive(pid); tries++) await wait(10);
  assert.equal(alive(pid), false);
}

test('S1 a child whose secret was replaced is replaced before the next call, and the one before ends its calls first', async () => {
  const vault = { value: 'one', fails: false };
  await using upstream = open(vault, 'modern');
  const first = await work(upstream, 'modern');
  assert.match(first, /^one \d+$/);
  assert.equal(await work(upstream, 'modern', { id: 2 }), first);
  const slow = work(upstream, 'modern', { id: 3, wait: 300 });
  await wait(50);
  vault.value = 'two';
  const next = await work(upstream, 'modern', { id: 4 });
  assert.match(next, /^two \d+$/);
  assert.equal(await slow, first);
  await gone(pidIn(first));
  assert.equal(await work(upstream, 'modern', { id: 5 }), next);
});

test('S1 a session whose child has an old secret ends once its calls are over: 404, and a new one has the new secret', async () => {
  const vault = { value: 'one', fails: false };
  await using upstream = open(vault, 'legacy');
  const session = await begin(upstream);
  const first = await work(upstream, 'legacy', {}, session);
  assert.match(first, /^one /);
  const slow = work(upstream, 'legacy', { id: 2, wait: 200 }, session);
  await wait(50);
  vault.value = 'two';
  const refused = assert.rejects(work(upstream, 'legacy', { id: 3 }, session), { code: 'session_unknown' });
  assert.equal(await slow, first);
  await refused;
  await gone(pidIn(first));
  assert.match(await work(upstream, 'legacy', {}, await begin(upstream)), /^two /);
});

test('S1 callers of another era than the child’s see no call fail when its secret is replaced under load', async () => {
  const vault = { value: 'one', fails: false };
  await using upstream = open(vault, 'legacy');
  const seen = new Set<string>();
  const worker = async (lane: number): Promise<void> => {
    for (let at = 0; at < 12; at++) {
      const text = await work(upstream, 'modern', { id: lane * 100 + at, wait: lane * 7 });
      seen.add(text.split(' ')[0] ?? '');
      if (lane === 0 && at === 4) vault.value = 'two';
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  assert.deepEqual([...seen].toSorted(), ['one', 'two']);
});

test('S1 while the holder of a child’s secret is down the call is denied, and no child is started without it', async () => {
  const vault = { value: 'one', fails: true };
  await using upstream = open(vault, 'modern');
  await assert.rejects(work(upstream, 'modern'), { code: 'secret_unavailable' });
  assert.equal(upstream.health().state, 'idle');
});
