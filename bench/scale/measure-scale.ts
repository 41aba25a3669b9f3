import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { connect } from 'node:tls';
import { keyIdOf } from '../../src/ca/publication-urls.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { cpuMicroseconds, residentKibibytes } from '../process-cost.ts';
import { lookAt } from '../soak/watch.ts';
import type { Presentable } from '../../test/journeys/deployment.ts';
import { openCaller } from '../../test/faults/kit/caller.ts';
import { pause, until } from '../../test/faults/kit/until.ts';
import { post } from '../../tour/raw-request.ts';
import { type Administration, inTurns, newRequest, openAdministration } from './administer.ts';
import { gather } from './crowd.ts';
import { openFeedMeter } from './feed-meter.ts';
import { octetsIn, openScalePlace, type ScalePlace, scalePolicy, sizeOf } from './place.ts';
import type { UnitCosts } from './unit-costs.ts';

/** What is to be measured. */
export interface ScaleOrder {
  readonly agents: number;
  readonly servers: number;
  readonly gateways: number;
  readonly seconds: number;
  readonly pauseMilliseconds: number;
  /** For files of the load processes. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

interface Run {
  readonly order: ScaleOrder;
  readonly place: ScalePlace;
  readonly administration: Administration;
  readonly agents: Presentable[];
}

type Costs<Name extends keyof UnitCosts> = Pick<UnitCosts, Name>;

/** Fills a town, loads it and says what one of each has cost. */
export async function measureScale(order: ScaleOrder): Promise<Omit<UnitCosts, 'machine'>> {
  await using place = await openScalePlace(order.gateways, order.servers);
  using administration = openAdministration(place.town, 8);
  const run: Run = { order, place, administration, agents: [] };
  const enrolled = await enrol(run);
  order.say(`${order.agents} agents are enrolled.`);
  const loaded = await load(run);
  order.say('The load is over.');
  const news = await countNews(run);
  const crl = await growCrl(run);
  const { agents, gateways, servers, seconds } = order;
  return { agents, gateways, servers, seconds, ...enrolled, ...loaded, ...news, ...crl };
}

/** Agents with a certificate each, and what that costs the authority and the gateways that hear of it. */
async function enrol({ order, place, administration, agents }: Run) {
  const { town, gateways, probes } = place;
  const held = async (): Promise<number> => {
    let sum = 0;
    for (const { process } of gateways) {
      const { heap, external } = await lookAt(process.pid, probes, 0);
      sum += heap + external;
    }
    return sum / gateways.length;
  };
  const look = async () => ({
    cpu: cpuMicroseconds([town.authority.pid]),
    log: octetsIn(town.data.authorityLog),
    store: sizeOf(town.data.database),
    held: await held(),
  });
  const before = await look();
  await inTurns(order.agents, 8, async (at) => {
    const name = `bot-${at}`;
    const about = { name, owner: `o-${at % 100}@example.com`, purpose: 'is one of many', roles: ['reader'] };
    await administration.ask('agent.add', about);
    const { key, csr } = newRequest(name);
    const answer = await administration.ask('certificate.issue', { name, kind: 'agent', csr });
    const { roots: ca = '', certificate: cert = '', serial = '' } = answer;
    agents[at] = { ca, cert, key, serial };
  });
  await pause(2_000);
  const after = await look();
  const shown = await town.issue('meter', 'gateway');
  using meter = await openFeedMeter(town.authorityUrl, shown);
  const per = (whole: number): number => whole / order.agents;
  return {
    enrolMicroseconds: per(after.cpu - before.cpu),
    logOctetsPerCertificate: per(after.log - before.log),
    storeOctetsPerAgent: per(after.store.octets - before.store.octets),
    storeRowsPerAgent: per(after.store.rows - before.store.rows),
    viewOctetsPerAgent: per(after.held - before.held),
    snapshotOctetsPerAgent: per(meter.snapshot.octets),
    snapshotMillisecondsPerAgent: per(meter.snapshot.milliseconds),
  };
}

/** All agents connected and calling, while some renew, some are revoked and policies change. */
async function load(run: Run) {
  const { order, place, agents } = run;
  const { gateways } = place;
  const pids = gateways.map(({ process }) => process.pid);
  const ports = gateways.map(({ endpoint }) => Number(new URL(endpoint('x')).port));
  const [first] = agents;
  for (const { endpoint } of gateways) {
    using caller = openCaller(endpoint('s0'), first ?? { ca: '' });
    await until('a first answer', async () => (await caller.call('hi')).status === 200);
  }
  const [resident, handshakes] = [residentKibibytes(pids), cpuMicroseconds(pids)];
  const crowd = await gather(
    agents.map(({ cert, key }, at) => ({
      name: `bot-${at}`,
      cert,
      key,
      port: ports[at % ports.length] ?? 0,
    })),
    { ...order, authority: first?.ca ?? '', processes: 4 },
  );
  const connecting = cpuMicroseconds(pids) - handshakes;
  await pause(3_000);
  const connectionOctets = ((residentKibibytes(pids) - resident) * 1_024) / order.agents;
  order.say(`${order.agents - crowd.failed} agents are connected.`);
  crowd.go();
  await pause(Math.min(20_000, order.pauseMilliseconds));
  const logs = (): number => gateways.reduce((sum, { state }) => sum + octetsIn(`${state}/gateway-log`), 0);
  const before = { cpu: cpuMicroseconds(pids), logs: logs() };
  crowd.count();
  const beside = await besideLoad(run);
  const seen = await crowd.stop();
  const calls = Math.max(1, seen.times.length);
  const at = (share: number): number => seen.times[Math.floor(share * (seen.times.length - 1))] ?? 0;
  const callMicroseconds = (cpuMicroseconds(pids) - before.cpu) / calls;
  const costs: Costs<'calls' | 'callMicroseconds' | 'connectionMicroseconds'> & {
    readonly connectionOctets: number;
    readonly logOctetsPerCall: number;
  } = {
    calls: {
      perSecond: calls / order.seconds,
      p50: at(0.5),
      p99: at(0.99),
      answered: seen.answered,
      refused: seen.refused,
      failed: seen.failed + crowd.failed,
    },
    callMicroseconds,
    connectionMicroseconds: Math.max(0, connecting - crowd.calls * callMicroseconds) / order.agents,
    connectionOctets,
    logOctetsPerCall: (logs() - before.logs) / calls,
  };
  return { ...costs, ...beside };
}

/** For as long as calls are counted: renewals, revocations and other policies. */
async function besideLoad(run: Run): Promise<Costs<'revocation' | 'load'>> {
  const { order, place } = run;
  const { town } = place;
  const end = performance.now() + order.seconds * 1_000;
  const goesOn = (): boolean => performance.now() < end;
  const times: number[] = [];
  const loads: number[] = [];
  const renewing = async (): Promise<void> => {
    for (let at = 0; goesOn(); at += 1) {
      await renew(run, at);
      await pause(200);
    }
  };
  const revoking = async (): Promise<void> => {
    await town.addAgent('short-lived', ['reader']);
    while (goesOn()) {
      times.push(await revokeEverywhere(place));
      loads.push(loadavg()[0] ?? 0);
      await pause(1_000);
    }
  };
  const changing = async (): Promise<void> => {
    for (let mark = 0; goesOn(); mark += 1) {
      await town.permit(scalePolicy(order.servers, String(mark)));
      await pause(5_000);
    }
  };
  await Promise.all([renewing(), revoking(), changing()]);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return {
    revocation: { p50: at(0.5), p99: at(0.99), max: at(1), count: times.length },
    load: loads.reduce((sum, each) => sum + each, 0) / Math.max(1, loads.length),
  };
}

async function renew({ place, agents }: Run, at: number): Promise<void> {
  const index = at % agents.length;
  const shown = agents[index];
  if (!shown) return;
  const { key, csr } = newRequest(`bot-${index}`);
  const answer = await post(`${place.town.authorityUrl}/v1/enrol/renew`, shown, false, { csr }, {});
  if (answer.status !== 200) throw new Error(`renewal: ${answer.failure ?? answer.body}`);
  const { roots = '', certificate = '', serial = '' } = JSON.parse(answer.body) as Record<string, string>;
  agents[index] = { ca: roots, cert: certificate, key, serial };
}

/** Milliseconds from the order to the end of the last of an agent's connections, one at each gateway. */
async function revokeEverywhere({ town, gateways }: ScalePlace): Promise<number> {
  const shown = await town.issue('short-lived');
  const closings: Promise<unknown>[] = [];
  for (const { endpoint } of gateways) {
    const { ca, cert, key } = shown;
    const port = Number(new URL(endpoint('x')).port);
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, cert, key });
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'secureConnect');
    // So that the gateway has asked who it is.
    socket.write('GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    closings.push(once(socket, 'close'));
  }
  const began = performance.now();
  await town.ask('certificate.revoke', { serial: shown.serial, reason: 'scale' });
  await Promise.all(closings);
  return performance.now() - began;
}

type PerRenewal =
  | 'feedOctetsPerRenewal'
  | 'renewalMicroseconds'
  | 'storeOctetsPerRenewal'
  | 'storeRowsPerRenewal'
  | 'logOctetsPerRenewal';

/** What the feed carries for a renewal, beside its heartbeats, and what the authority keeps of it. */
async function countNews(run: Run): Promise<Costs<PerRenewal>> {
  const { town } = run.place;
  const kept = () => ({
    cpu: cpuMicroseconds([town.authority.pid]),
    log: octetsIn(town.data.authorityLog),
    ...sizeOf(town.data.database),
  });
  using meter = await openFeedMeter(town.authorityUrl, await town.issue('meter', 'gateway'));
  const quiet = meter.octets();
  await pause(5_000);
  const perMillisecond = (meter.octets() - quiet) / 5_000;
  const [before, began] = [meter.octets(), performance.now()];
  const renewals = Math.min(300, run.agents.length);
  const first = kept();
  await inTurns(renewals, 2, (at) => renew(run, at));
  await pause(1_000);
  const heartbeats = (performance.now() - began) * perMillisecond;
  const last = kept();
  return {
    renewalMicroseconds: (last.cpu - first.cpu) / renewals,
    feedOctetsPerRenewal: (meter.octets() - before - heartbeats) / renewals,
    storeOctetsPerRenewal: (last.octets - first.octets) / renewals,
    storeRowsPerRenewal: (last.rows - first.rows) / renewals,
    logOctetsPerRenewal: (last.log - first.log) / renewals,
  };
}

/** What a CRL grows by with a revoked certificate. */
async function growCrl({ place, administration, agents }: Run): Promise<Costs<'crlOctetsPerRevoked'>> {
  const { town } = place;
  const [der] = decodePem(readFileSync(town.data.intermediateCertificate, 'utf8'), 'CERTIFICATE');
  const keyId = keyIdOf(readCertificate(der ?? new Uint8Array()));
  const url = `${town.authority.listening['plain']}/crl/${keyId}.crl`;
  const size = async (): Promise<number> => (await (await fetch(url)).arrayBuffer()).byteLength;
  const before = await size();
  const revoked = Math.min(200, agents.length);
  await inTurns(revoked, 4, async (at) => {
    await administration.ask('certificate.revoke', { serial: agents[at]?.serial, reason: 'scale' });
  });
  let last = before;
  // A list is written some time after the last revocation.
  await until('a list that grows no more', async () => {
    const now = await size();
    const settled = now > before && now === last;
    last = now;
    await pause(2_000);
    return settled;
  });
  return { crlOctetsPerRevoked: (last - before) / revoked };
}
