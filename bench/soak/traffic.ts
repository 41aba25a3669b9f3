import { generateKeyPairSync } from 'node:crypto';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import type { Presentable } from '../../test/journeys/deployment.ts';
import { legacyClient, mutualFetch } from '../../test/journeys/mcp-clients.ts';
import { isAnswered, openCaller } from '../../test/faults/kit/caller.ts';
import type { GatewayProcess, ProcessTown } from '../../test/faults/kit/process-town.ts';
import { pause } from '../../test/faults/kit/until.ts';
import { openRawSession, post, rawInitialize } from '../../tour/raw-request.ts';

/** What was done so far. */
export interface Counts {
  calls: number;
  /** Calls and connections that had to be refused, and were. */
  refusals: number;
  sessions: number;
  /** Live streams that were broken off without a word. */
  streamsBroken: number;
  connections: number;
  renewals: number;
  revocations: number;
  policies: number;
  /** What should have been answered and was not, or the other way round. */
  readonly failures: string[];
}

/** Where the traffic goes. The servers `modern` and `old` and the agents must be there. */
export interface Place {
  readonly town: ProcessTown;
  readonly gateways: readonly GatewayProcess[];
  /** Faces of bridges, for the agents that have one. */
  readonly bridges: readonly string[];
  /** Agents by name, with the certificate that each has now. */
  readonly agents: Map<string, Presentable>;
  /** Between two calls of one worker, in milliseconds. */
  readonly pauseMilliseconds: number;
}

export const soakPolicy = `permit (principal, action, resource);
forbid (principal, action == Action::"tools/call", resource == Tool::"old/hang");`;

/**
 * Traffic of every kind until the signal: calls in both eras, sessions with live streams that end well or not, refusals,
 * renewals, revocations, other policies, new connections all the time.
 */
export async function drive(place: Place, end: AbortSignal, counts: Counts = noCounts()): Promise<Counts> {
  const workers = [
    ...place.gateways.flatMap((gateway, at) => [
      repeat(end, counts, () => modernCalls(place, gateway, counts)),
      repeat(end, counts, () => legacyClientCalls(place, gateway, counts)),
      repeat(end, counts, () => brokenStream(place, gateway, counts)),
      repeat(end, counts, () => refused(place, gateway, counts, at)),
    ]),
    ...place.bridges.map((url) => repeat(end, counts, () => bridgeCalls(place, url, counts))),
    repeat(end, counts, () => renewal(place, counts)),
    repeat(end, counts, () => revocation(place, counts)),
    repeat(end, counts, () => otherPolicies(place, counts)),
  ];
  await Promise.all(workers);
  return counts;
}

export function noCounts(): Counts {
  return {
    calls: 0,
    refusals: 0,
    sessions: 0,
    streamsBroken: 0,
    connections: 0,
    renewals: 0,
    revocations: 0,
    policies: 0,
    failures: [],
  };
}

async function repeat(end: AbortSignal, counts: Counts, act: () => Promise<void>): Promise<void> {
  while (!end.aborted) {
    await act().catch((error: unknown) => counts.failures.push(String(error)));
  }
}

function anyAgent({ agents }: Place): Presentable {
  const all = [...agents.values()];
  const shown = all[Math.floor(Math.random() * all.length)];
  if (!shown) throw new Error('there are no agents');
  return shown;
}

async function modernCalls(place: Place, gateway: GatewayProcess, counts: Counts): Promise<void> {
  using caller = openCaller(gateway.endpoint('modern'), anyAgent(place));
  counts.connections += 1;
  for (let at = 0; at < 20; at += 1) {
    const answer = await caller.call(`message ${counts.calls}`);
    if (isAnswered(answer)) counts.calls += 1;
    else counts.failures.push(answer.failure ?? answer.body);
    await pause(place.pauseMilliseconds);
  }
}

async function legacyClientCalls(place: Place, gateway: GatewayProcess, counts: Counts): Promise<void> {
  await using fetch = mutualFetch(anyAgent(place));
  const client = await legacyClient(gateway.endpoint('old'), fetch);
  counts.sessions += 1;
  for (let at = 0; at < 5; at += 1) {
    await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
    await client.callTool({ name: 'count', arguments: {} }, undefined, { onprogress: () => undefined });
    counts.calls += 2;
    await pause(place.pauseMilliseconds);
  }
  await client.callTool({ name: 'hang', arguments: {} }).then(
    () => counts.failures.push('what policy forbids was answered'),
    () => (counts.refusals += 1),
  );
  await client.close();
}

/** A session whose client is gone without a word, its live stream in the middle. */
async function brokenStream(place: Place, gateway: GatewayProcess, counts: Counts): Promise<void> {
  const session = await openRawSession(gateway.endpoint('old'), anyAgent(place));
  counts.sessions += 1;
  await session.ping();
  await pause(place.pauseMilliseconds * 4);
  session.close();
  counts.streamsBroken += 1;
}

const stranger = createFixtureAuthority('Strangers').issue({ commonName: 'ci-bot', purpose: 'client' });

async function refused(place: Place, gateway: GatewayProcess, counts: Counts, at: number): Promise<void> {
  const shown = anyAgent(place);
  const none = await post(gateway.endpoint(`nowhere-${at}`), shown, false, { jsonrpc: '2.0' }, {});
  const foreign = { ca: shown.ca, cert: stranger.certificate, key: stranger.key };
  const { status } = await rawInitialize(gateway.endpoint('old'), foreign);
  if (none.status === 200 || status === 200) counts.failures.push('a stranger was let in');
  counts.refusals += 2;
  await pause(place.pauseMilliseconds * 4);
}

async function bridgeCalls(place: Place, url: string, counts: Counts): Promise<void> {
  const client = new Client({ name: 'soak', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  for (let at = 0; at < 20; at += 1) {
    await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
    counts.calls += 1;
    await pause(place.pauseMilliseconds);
  }
  await client.close();
}

/**
 * Another certificate for one agent after the other: the first renews, the others have one of minutes and enrol again, so that
 * what gateways know of certificates is as much after a while as it will ever be.
 */
async function renewal({ town, agents, pauseMilliseconds }: Place, counts: Counts): Promise<void> {
  for (const [name, shown] of agents) {
    agents.set(name, name === 'bot-0' ? await renew(town, name, shown) : await town.issue(name, 'ephemeral'));
    counts.renewals += 1;
    await pause(pauseMilliseconds * 8);
  }
}

async function renew(town: ProcessTown, name: string, shown: Presentable): Promise<Presentable> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
  const answer = await post(`${town.authorityUrl}/v1/enrol/renew`, shown, false, { csr }, {});
  if (answer.status !== 200) throw new Error(`renewal: ${answer.failure ?? answer.body}`);
  const { certificate, roots, serial } = JSON.parse(answer.body) as Record<string, string>;
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { ca: roots ?? '', cert: certificate ?? '', key, serial: serial ?? '' };
}

/** An agent of the day: registered once, given a certificate again and again, which is revoked. */
async function revocation({ town, gateways, pauseMilliseconds }: Place, counts: Counts): Promise<void> {
  const shown = await town.issue('revoked-bot', 'ephemeral');
  await town.ask('certificate.revoke', { serial: shown.serial, reason: 'soak' });
  counts.revocations += 1;
  await pause(2_000);
  for (const gateway of gateways) {
    const { status } = await rawInitialize(gateway.endpoint('old'), shown);
    if (status === 200) counts.failures.push('a revoked certificate was let in');
    counts.refusals += 1;
  }
  await pause(pauseMilliseconds * 10);
}

async function otherPolicies({ town, pauseMilliseconds }: Place, counts: Counts): Promise<void> {
  await town.permit(`${soakPolicy} // ${counts.policies}`);
  counts.policies += 1;
  await pause(pauseMilliseconds * 50);
}
