import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type Contestant,
  startBareNode,
  startBridge,
  startCountersign,
  startHaproxy,
  startLayer,
  startNginx,
  startNothing,
} from './contestants.ts';
import { sharesOut, toTheirCore } from './cores.ts';
import { layers } from './layer-names.ts';
import {
  compare,
  median,
  pairedRatio,
  type Round,
  type Task,
  warmUp,
  warmUpMilliseconds,
} from './measure.ts';
import { npmBridges, startNpmBridge } from './npm-bridges.ts';
import { openRig, type Rig } from './rig.ts';
import { appendTable } from './append-table.ts';
import { decisionTable } from './decision-table.ts';
import { abandonedTable, handshakeTable, idleTable, largeTable } from './tables.ts';

/**
 * The gateway with every check and a durable log, beside nginx, HAProxy and a bare Node proxy, all with mutual TLS, in
 * turn, in one run. Prints ratios to nginx; absolute numbers depend on the machine.
 * `npm run bench -- [--rounds 5] [--milliseconds 2000] [--quick] [--write]`; `--write` keeps what is printed in
 * `bench/RESULTS.md`.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    milliseconds: { type: 'string', default: '2000' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const milliseconds = Number(values.milliseconds);
const lines: string[] = [];

{
  await using rig = await openRig();
  const contestants = await startAll(rig);
  say('# What the gateway costs', '', ...machine(), '');
  await warmUp(rig, contestants);
  for (const [title, task] of Object.entries(tasks())) {
    const results = await compare(rig, contestants, task, rounds);
    say(`## ${title}`, '', ...table(results), '');
  }
  await sayRest(rig, contestants);
  await sayAdded(rig, contestants.filter(isOurs));
  await sayLayers(rig, contestants.filter(isOurs));
  await sayParts(rig);
  // Last, because the servers that sessions start stay for a while.
  await sayStdio(rig, contestants.filter(isOurs));
}
if (values.write) writeFileSync(join(import.meta.dirname, 'RESULTS.md'), `${lines.join('\n')}\n`);

async function startAll(rig: Rig): Promise<readonly Contestant[]> {
  const all = [
    await startNginx(rig, 1),
    await startHaproxy(rig),
    await startBareNode(rig),
    await startCountersign(rig, 'durable'),
    await startCountersign(rig, 'queued'),
  ];
  return toTheirCore(all.filter((contestant) => contestant !== null));
}

function tasks(): Readonly<Record<string, Task>> {
  const at = (connections: number, answer = '300b'): Task => ({ answer, connections, milliseconds });
  const first = { 'A tools/call answered with 300 octets, 16 connections': at(16) };
  if (values.quick) return first;
  return {
    'A tools/call answered with 300 octets, 1 connection': at(1),
    ...first,
    'A tools/call answered with 300 octets, 64 connections': at(64),
    'Answered with 4 KiB, 16 connections': at(16, '4k'),
    'Answered with 100 KiB, 16 connections': at(16, '100k'),
    'Answered with an event stream of two events, 16 connections': at(16, 'sse'),
  };
}

function machine(): readonly string[] {
  const nginx = versionOf('nginx', /nginx\/\S+/);
  const haproxy = versionOf('haproxy', /HAProxy version \S+/);
  return [
    `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Linux ${release()}, Node ${process.versions.node}, ` +
      `OpenSSL ${process.versions.openssl}${nginx}${haproxy}; load client and MCP server on the same machine.`,
    sharesOut
      ? 'The contestants have a core to themselves, in turn; load client and MCP server have the rest.'
      : 'Contestants, load client and MCP server share all cores.',
    `${rounds} rounds of ${milliseconds} ms in turn, after ${warmUpMilliseconds / 1_000} s of load for each contestant to warm up. Medians; ratios are`,
    'medians of the ratios of each round to nginx as a plain mTLS proxy in the same round. CPU is user and system time of',
    'the contestant a request.',
  ];
}

function versionOf(program: string, pattern: RegExp): string {
  try {
    // nginx writes its version to the other stream.
    const text = execFileSync('sh', ['-c', `${program} -v 2>&1`], { encoding: 'utf8' });
    return `, ${pattern.exec(text)?.[0] ?? program}`;
  } catch {
    return '';
  }
}

function table(results: ReadonlyMap<string, readonly Round[]>, to = 'nginx'): readonly string[] {
  const [base = []] = results.values();
  const rows = [...results].map(([name, measured]) => {
    const of = (read: (round: Round) => number): number => median(measured.map(read));
    const ratio = (read: (round: Round) => number): string => {
      const times = pairedRatio(measured, base, read);
      // Nothing between costs nothing.
      return Number.isFinite(times) ? times.toFixed(2) : '';
    };
    const failures = measured.reduce((sum, round) => sum + round.failures, 0);
    return [
      name,
      of((round) => round.perSecond).toFixed(0),
      of((round) => round.p50).toFixed(2),
      of((round) => round.p99).toFixed(2),
      of((round) => round.cpu).toFixed(0),
      ratio((round) => round.perSecond),
      ratio((round) => round.p99),
      ratio((round) => round.cpu),
      String(failures),
    ];
  });
  return [
    `| contestant | requests/s | p50 ms | p99 ms | CPU µs | requests/s ÷ ${to} | p99 ÷ ${to} | CPU ÷ ${to} | failures |`,
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ];
}

/** What gateway and bridge add to a call for whoever waits for it. */
async function sayAdded(rig: Rig, ours: readonly Contestant[]): Promise<void> {
  const all = [startNothing(rig), ...ours];
  for (const gateway of ours) all.push(await startBridge(rig, gateway, '300b'));
  toTheirCore(all);
  const results = await compare(rig, all, { answer: '300b', connections: 1, milliseconds }, rounds);
  say('## What a call waits longer, 1 connection', '');
  say(...table(results, 'nothing between'), '');
}

/** What each layer of the gateway costs, one upon the other. */
async function sayLayers(rig: Rig, ours: readonly Contestant[]): Promise<void> {
  const parts = toTheirCore(await Promise.all(layers.map((layer) => startLayer(rig, layer))));
  await warmUp(rig, parts);
  const all = [startNothing(rig), ...parts, ...ours.toReversed()];
  const results = await compare(rig, all, { answer: '300b', connections: 16, milliseconds }, rounds);
  say('## Layer upon layer, 16 connections', '');
  say(...table(results, 'nothing between'), '');
}

/** Parts of the gateway by themselves. */
async function sayParts(rig: Rig): Promise<void> {
  say('## Policy decisions that depend on arguments', '');
  say(...decisionTable(values.quick ? [10, 1_000] : [10, 1_000, 10_000]), '');
  say('## Entries of the audit log', '');
  say(...(await appendTable(join(rig.folder, 'appends'), milliseconds)), '');
}

/** The same work as programs of npm do: a server of standard input and output behind HTTP. */
async function sayStdio(rig: Rig, ours: readonly Contestant[]): Promise<void> {
  if (values.quick) return;
  const all: Contestant[] = [];
  for (const bridge of npmBridges) {
    const contestant = await startNpmBridge(rig, bridge);
    if (contestant) all.push(contestant);
  }
  toTheirCore(all);
  all.push(...ours);
  const task = { answer: 'stdio', connections: 16, milliseconds, session: 'calls' } as const;
  const results = await compare(rig, all, task, rounds);
  say('## A stdio server behind HTTP, in sessions of 2025-11-25, 16 connections', '');
  say(
    'The programs of npm speak plain HTTP and check nothing; ratios are to the first row. CPU includes the server.',
    '',
  );
  const [first = 'the first'] = results.keys();
  say(...table(results, first), '');
}

async function sayRest(rig: Rig, contestants: readonly Contestant[]): Promise<void> {
  const handshakes = { rounds: values.quick ? 1 : 3, milliseconds };
  say('## Full mutual handshakes, 4 clients', '');
  say(...(await handshakeTable(rig, contestants, { resume: false, ...handshakes })), '');
  say('## Resumed handshakes, 4 clients', '');
  say('The gateway gives no tickets: a session that is resumed skips the checks of the handshake.', '');
  const resuming = contestants.filter((contestant) => !isOurs(contestant));
  say(...(await handshakeTable(rig, resuming, { resume: true, ...handshakes })), '');
  say('## An event stream of 100 MB', '');
  say(...(await largeTable(rig, contestants, values.quick ? 1 : 3)), '');
  const ours = contestants.filter(isOurs);
  const sessions = values.quick ? 10_000 : 100_000;
  say('## Sessions opened and never used again, 32 connections', '');
  say(...(await abandonedTable(rig, ours, sessions)), '');
  say('## Idle connections', '');
  say(...(await idleTable(rig, contestants, values.quick ? [1_000] : [1_000, 5_000])));
}

function isOurs({ name }: Contestant): boolean {
  return name.startsWith('countersign');
}

function say(...more: readonly string[]): void {
  lines.push(...more);
  process.stdout.write(`${more.join('\n')}\n`);
}
