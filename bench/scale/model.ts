import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { UnitCosts } from './unit-costs.ts';

/** What a deployment does, besides how many agents it has. */
export interface Habits {
  /** Calls of an agent in an hour, on average. */
  readonly callsPerHour: number;
  /** How much more there are in the busiest hour. */
  readonly peak: number;
  /** Life of a certificate in hours; it is renewed in the middle. */
  readonly lifeHours: number;
  /** Of a hundred agents, how many lose a certificate by revocation in a day. */
  readonly revokedPercent: number;
  /** How busy a process may be in the busiest hour, of one core. */
  readonly busy: number;
}

export const habits: Habits = { callsPerHour: 60, peak: 4, lifeHours: 1, revokedPercent: 1, busy: 0.6 };

/** How long a gateway remembers a certificate that has ended, in hours (`src/app/feed/registry-view.ts`). */
const rememberedHours = 1 / 6;

/** What so many agents need. */
export interface Needs {
  readonly agents: number;
  /** Cores of all gateways in the busiest hour, and how many gateway processes that is. */
  readonly gatewayCores: number;
  readonly gateways: number;
  /** Memory of each gateway, in octets: what it knows, and its share of the connections. */
  readonly gatewayOctets: number;
  readonly authorityCores: number;
  /** What the authority sends to all gateways, in octets a second. */
  readonly feedOctets: number;
  readonly snapshotOctets: number;
  readonly snapshotSeconds: number;
  readonly crlOctets: number;
  readonly storeRows: number;
  readonly storeOctets: number;
  /** Growth of the store, of the log of the authority and of those of the gateways, in octets a day. */
  readonly storeOctetsPerDay: number;
  readonly storeRowsPerDay: number;
  readonly authorityLogPerDay: number;
  readonly gatewayLogPerDay: number;
}

/** Reckons what so many agents need from what one of each costs. */
export function needsOf(
  costs: UnitCosts,
  agents: number,
  { callsPerHour, peak, lifeHours, revokedPercent, busy }: Habits,
): Needs {
  const renewalsPerSecond = agents / (lifeHours * 0.5 * 3_600);
  const callsPerSecond = (agents * callsPerHour * peak) / 3_600;
  const gatewayCores =
    (callsPerSecond * costs.callMicroseconds + renewalsPerSecond * costs.connectionMicroseconds) / 1e6;
  const gateways = Math.max(2, Math.ceil(gatewayCores / busy));
  // A view holds every certificate until it has ended and a while longer, and an agent has a new one twice in its life.
  const known = (lifeHours + rememberedHours) / (lifeHours * 0.5);
  const perDay = renewalsPerSecond * 86_400;
  return {
    agents,
    gatewayCores,
    gateways,
    gatewayOctets: agents * known * costs.viewOctetsPerAgent + (agents / gateways) * costs.connectionOctets,
    authorityCores: (renewalsPerSecond * costs.renewalMicroseconds) / 1e6,
    feedOctets: gateways * renewalsPerSecond * costs.feedOctetsPerRenewal,
    snapshotOctets: agents * known * costs.snapshotOctetsPerAgent,
    snapshotSeconds: (agents * known * costs.snapshotMillisecondsPerAgent) / 1_000,
    crlOctets: ((agents * revokedPercent) / 100 / 24) * lifeHours * costs.crlOctetsPerRevoked,
    storeRows: agents * costs.storeRowsPerAgent,
    storeOctets: agents * costs.storeOctetsPerAgent,
    storeOctetsPerDay: perDay * costs.storeOctetsPerRenewal,
    storeRowsPerDay: perDay * costs.storeRowsPerRenewal,
    authorityLogPerDay: perDay * costs.logOctetsPerRenewal,
    gatewayLogPerDay: agents * callsPerHour * 24 * costs.logOctetsPerCall,
  };
}

/** What gives way, when there is as much of it as one has. */
interface Bound {
  readonly what: string;
  readonly at: string;
  readonly limit: number;
  readonly of: (needs: Needs) => number;
}

const gibi = 2 ** 30;
const bounds: readonly Bound[] = [
  {
    what: 'one authority process',
    at: 'a core that is busy for 60 %',
    limit: 0.6,
    of: (needs) => needs.authorityCores,
  },
  {
    what: 'two gateway processes',
    at: 'a core each that is busy for 60 %',
    limit: 1.2,
    of: (needs) => needs.gatewayCores,
  },
  {
    what: 'a gateway that starts',
    at: '5 s until its snapshot is there',
    limit: 5,
    of: (needs) => needs.snapshotSeconds,
  },
  { what: 'the store', at: '10 GiB more a day', limit: 10 * gibi, of: (needs) => needs.storeOctetsPerDay },
  {
    what: 'the logs of all gateways',
    at: '100 GiB more a day',
    limit: 100 * gibi,
    of: (needs) => needs.gatewayLogPerDay,
  },
  { what: 'the memory of one gateway', at: '4 GiB', limit: 4 * gibi, of: (needs) => needs.gatewayOctets },
  {
    what: 'the network of the authority',
    at: '100 MiB/s to all gateways',
    limit: 100 * 2 ** 20,
    of: (needs) => needs.feedOctets,
  },
  { what: 'a CRL', at: '1 MiB', limit: 2 ** 20, of: (needs) => needs.crlOctets },
];

/** At how many agents a bound is reached: between one and a thousand million, found by halving. */
function breaksAt(costs: UnitCosts, { limit, of }: Bound): number {
  let [low, high] = [1, 1e9];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (of(needsOf(costs, middle, habits)) > limit) high = middle;
    else low = middle;
  }
  return high;
}

/** The tables of docs/scaling.md. */
export function scalingTables(costs: UnitCosts): readonly string[] {
  const sizes = [10_000, 100_000, 1_000_000].map((agents) => needsOf(costs, agents, habits));
  const row = (what: string, of: (needs: Needs) => string): string =>
    `| ${what} | ${sizes.map(of).join(' | ')} |`;
  const broken = bounds
    .map((bound) => ({ bound, agents: breaksAt(costs, bound) }))
    .toSorted((a, b) => a.agents - b.agents);
  return [
    '| agents | 10,000 | 100,000 | 1,000,000 |',
    '|---|--:|--:|--:|',
    row('cores of all gateways, busiest hour', (needs) => digits(needs.gatewayCores)),
    row('gateway processes', (needs) => String(needs.gateways)),
    row('memory of each gateway', (needs) => octets(needs.gatewayOctets)),
    row('cores of the authorities, busiest hour', (needs) => digits(needs.authorityCores)),
    row('feed to all gateways, a second', (needs) => octets(needs.feedOctets)),
    row('snapshot of a gateway that starts', (needs) => octets(needs.snapshotOctets)),
    row('time of that', (needs) => `${digits(needs.snapshotSeconds)} s`),
    row('CRL', (needs) => octets(needs.crlOctets)),
    row('store, rows at first', (needs) => count(needs.storeRows)),
    row('store, size at first', (needs) => octets(needs.storeOctets)),
    row('store, rows more a day', (needs) => count(needs.storeRowsPerDay)),
    row('store, more a day', (needs) => octets(needs.storeOctetsPerDay)),
    row('log of the authorities, a day', (needs) => octets(needs.authorityLogPerDay)),
    row('logs of all gateways, a day', (needs) => octets(needs.gatewayLogPerDay)),
    '',
    '| what gives way | where it has as much as | at so many agents |',
    '|---|---|--:|',
    ...broken.map(({ bound: { what, at }, agents }) => `| ${what} | ${at} | ${count(agents)} |`),
  ];
}

function digits(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

function count(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString('en');
}

function octets(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return `${digits(value / 2 ** (10 * step))} ${units[step]}`;
}

export const [begin, end] = ['<!-- the model begins -->', '<!-- the model ends -->'];

/** The costs that a run has left. */
export function measuredCosts(): UnitCosts {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'measured.json'), 'utf8')) as UnitCosts;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
  const lines = scalingTables(measuredCosts());
  process.stdout.write(`${lines.join('\n')}\n`);
  if (values.write) {
    const page = join(import.meta.dirname, '../../docs/scaling.md');
    const text = readFileSync(page, 'utf8');
    const [before, after] = [text.slice(0, text.indexOf(begin)), text.slice(text.indexOf(end))];
    writeFileSync(page, `${before}${begin}\n\n${lines.join('\n')}\n\n${after}`);
  }
}
