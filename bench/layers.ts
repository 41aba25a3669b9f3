import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { authorize } from '../src/gateway/authorize.ts';
import { callerOf } from '../src/gateway/caller-of.ts';
import { limitOfEachAgent } from '../src/gateway/limit-rule.ts';
import { createLimits, type Place } from '../src/gateway/limits.ts';
import { memoryLimitStore } from '../src/gateway/memory-limits.ts';
import { createTurns } from '../src/gateway/turns.ts';
import type { Exchange } from '../src/http/exchange.ts';
import { listen } from '../src/http/listen.ts';
import { createWirePool } from '../src/http/wire-pool.ts';
import type { AgentRecord } from '../src/identity/agent-record.ts';
import type { IdentityView } from '../src/identity/identity-view.ts';
import { confirmStanding } from '../src/identity/standing.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { forwardHeaders } from '../src/mcp/forward-headers.ts';
import { readInbound } from '../src/mcp/read-message.ts';
import { compilePolicies } from '../src/policy/compile-policies.ts';
import { layers } from './layer-names.ts';
import { permits, serverName } from './rig.ts';

/**
 * A proxy of the gateway's own parts, so many of its layers one upon the other, so that a reader sees what each costs:
 * `node bench/layers.ts <layer> <identity folder> <port of the MCP server>`. It prints its port.
 */
const [layer = '', identity = '', upstream = ''] = process.argv.slice(2);
const height = layers.findIndex(({ id }) => id === layer);
const has = (id: (typeof layers)[number]['id']): boolean =>
  layers.findIndex((each) => each.id === id) <= height;

const clock = systemClock;
const agents = new Map<string, AgentRecord>();
const view: IdentityView = {
  trustDomain: 'example.internal',
  agent(name) {
    const known = agents.get(name);
    if (known) return known;
    const record: AgentRecord = {
      name,
      owner: 'bench',
      purpose: 'bench',
      roles: ['bench'],
      buildDigest: null,
      device: null,
      state: 'active',
      createdAt: 0,
      lastSeen: null,
    };
    agents.set(name, record);
    return record;
  },
  serialStatus: () => 'good',
  partner: () => null,
  profileOf: () => 'agent',
  inHardware: () => false,
  fresh: () => true,
  behind: () => 0,
};
const policies = compilePolicies([{ name: 'bench.cedar', text: permits() }]);
const rules = [limitOfEachAgent(1_000, 1_000_000)];
const limits = createLimits({
  rules: () => rules,
  store: memoryLimitStore(clock),
  turns: createTurns({ clock, nextRound: setImmediate }),
  onLost: () => undefined,
});
const pool = createWirePool({
  origin: new URL(`http://127.0.0.1:${upstream}`),
  tls: {},
  connectMilliseconds: 5_000,
  clock,
});

/** The checks of the layers that are there, in the order of the gateway. */
async function check(
  exchange: Exchange,
): Promise<{ readonly body: Uint8Array; readonly place: Place | null }> {
  const caller = has('identity') ? callerOf(exchange.connection, view.trustDomain) : null;
  const standing = caller && confirmStanding(caller, view, clock.now());
  const place = standing && has('limits') ? await limits.enter(standing) : null;
  const body = await exchange.body({ bytes: 4_000_000, milliseconds: 10_000 });
  const inbound = has('message') ? readInbound({ headers: exchange.headers, body }) : null;
  if (standing && has('policy')) {
    const { address } = exchange.connection;
    authorize(policies, standing, inbound, {
      server: serverName('300b'),
      address,
      grant: null,
      passports: null,
      time: clock.now(),
      labels: null,
      touched: null,
    });
  }
  return { body: inbound?.bytes ?? body, place };
}

async function handle(exchange: Exchange): Promise<void> {
  const { body, place } = await check(exchange);
  using _held = place;
  const headers = forwardHeaders(exchange.headers, 'modern');
  const outgoing = { method: 'POST', target: exchange.path, headers, body };
  const times = { answerMilliseconds: 10_000, idleMilliseconds: 10_000 };
  const answer = await pool.send({ ...outgoing, ...times }, exchange.closed).answer;
  const octets = await answer.whole(4_000_000);
  await exchange.respond(answer.status, { 'content-type': 'application/json' }, octets);
}

const read = (file: string): string => readFileSync(join(identity, file), 'utf8');
const listener = await listen({
  name: 'bench',
  host: '127.0.0.1',
  port: 0,
  tls: has('tls')
    ? {
        material: {
          certificate: read('certificate.pem'),
          key: read('key.pem'),
          clientAuthorities: read('roots.pem'),
        },
        clientCertificate: 'required',
        minimumVersion: 'TLSv1.3',
      }
    : null,
  hosts: [],
  origins: [],
  handle,
  onError: (error) => process.stderr.write(`${String(error)}\n`),
  clock,
});
process.stdout.write(`${listener.port}\n`);
