import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, end, up } from '../tour/stage.ts';
import { cpuMicroseconds } from './process-cost.ts';

/**
 * What a flood from one agent does to the others: eight agents that call now and then, with and without one that
 * calls as fast as it can on 64 connections, in turn; steady, after the first moment. `npm run bench:fairness -- [rounds] [seconds]`; ends with 1
 * when the others' p99 is more than twice as long with the flood (law T7).
 */
const [rounds = 5, seconds = 4] = process.argv.slice(2).map(Number);
/** Not counted: in it processes start, connections are made and bursts are used up. */
const warmMilliseconds = 1_500;
const folder = mkdtempSync(join(tmpdir(), 'countersign-fairness-'));
const data = join(folder, 'authority');
const unlock = ['--folder', data, '--passphrase-file', join(folder, 'passphrase')];
const others = Array.from({ length: 8 }, (_, at) => `agent-${at}`);
const children: ChildProcess[] = [];

interface Measured {
  readonly answered: number;
  readonly refused: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

/** What holds the flood: the configuration alone, and a file as an operator would write it. */
const files: Readonly<Record<string, string>> = {
  'the limits of the configuration alone': 'limits: []\n',
  'fifty calls a second for each agent, eight at once':
    'limits: [{ name: each-agent, per: agent, rate: { calls: 50, burst: 100 }, concurrent: 8 }]\n',
};

try {
  const port = await prepare();
  process.stdout.write(
    `${others.length} agents and a flood on 64 connections, ${rounds} rounds of ${seconds} s in turn, medians\n`,
  );
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(data, 'policies', 'limits.yaml'), text);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ratio = report(name, await compare(port));
    if (ratio > 2) process.exitCode = 1;
  }
} finally {
  for (const child of children) await end(child);
  rmSync(folder, { recursive: true, force: true });
}

interface Comparison {
  readonly quiet: Measured[];
  readonly flooded: Measured[];
  readonly floods: Measured[];
  /** Shares of a core that the gateway used: quiet, and with the flood. */
  readonly load: readonly [number[], number[]];
}

async function compare(port: number): Promise<Comparison> {
  const all: Comparison = { quiet: [], flooded: [], floods: [], load: [[], []] };
  for (let round = 0; round <= rounds; round++) {
    const [calm, idle] = await Promise.all([measure(port, others, 1, 20), gatewayLoad()]);
    const [busy, flood, full] = await Promise.all([
      measure(port, others, 1, 20),
      measure(port, ['flood'], 64, 0),
      gatewayLoad(),
    ]);
    // The first round warms everything up and is not counted.
    if (round === 0) continue;
    all.quiet.push(calm);
    all.flooded.push(busy);
    all.floods.push(flood);
    all.load[0].push(idle);
    all.load[1].push(full);
  }
  return all;
}

async function prepare(): Promise<number> {
  writeFileSync(join(folder, 'passphrase'), 'only for this benchmark', { mode: 0o600 });
  await ask(['init', ...unlock]);
  mkdirSync(join(data, 'policies'), { recursive: true });
  writeFileSync(
    join(data, 'policies', 'bench.cedar'),
    'permit (principal, action == Action::"tools/call", resource == Tool::"echo/echo");\n',
  );
  for (const name of ['flood', ...others]) {
    await ask(['agent', 'add', name, ...unlock, '--owner', 'bench', '--purpose', 'bench']);
    await ask(['cert', 'issue', name, '--kind', 'agent', '--out', join(folder, name), ...unlock]);
  }
  const upstream = spawn(process.execPath, [join(import.meta.dirname, 'upstream.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(upstream);
  const served = await new Promise<number>((resolve) =>
    upstream.stdout.once('data', (text: Buffer) => resolve(Number(text.toString()))),
  );
  await ask([
    'server',
    'add',
    'echo',
    '--url',
    `http://127.0.0.1:${served}/mcp`,
    '--era',
    'modern',
    ...unlock,
  ]);
  const { child, listening } = await up([...unlock, '--ports', 'any']);
  children.push(child);
  return Number(new URL(listening.agents).port);
}

function measure(
  port: number,
  agents: readonly string[],
  connectionsEach: number,
  pauseMilliseconds: number,
): Promise<Measured> {
  const order = {
    port,
    authority: join(data, 'root.pem'),
    agents: agents.map((name) => join(folder, name)),
    connectionsEach,
    pauseMilliseconds,
    warmMilliseconds,
    milliseconds: seconds * 1_000,
  };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'agents.ts'), JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', reject).once('close', () => resolve(JSON.parse(text) as Measured));
  });
}

/** The share of a core that the gateway uses meanwhile. */
async function gatewayLoad(): Promise<number> {
  const pid = children.at(-1)?.pid ?? 0;
  await new Promise((resolve) => setTimeout(resolve, warmMilliseconds));
  const before = cpuMicroseconds([pid]);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  return (cpuMicroseconds([pid]) - before) / (seconds * 1_000_000);
}

/** Prints the comparison and gives the ratio of the others' p99. */
function report(title: string, { quiet, flooded, floods, load }: Comparison): number {
  const row = (name: string, measured: readonly Measured[], share?: readonly number[]): string =>
    [
      name.padEnd(28),
      (median(measured.map(({ answered }) => answered)) / seconds).toFixed(0).padStart(10),
      (median(measured.map(({ refused }) => refused)) / seconds).toFixed(0).padStart(10),
      median(measured.map(({ p50 }) => p50))
        .toFixed(2)
        .padStart(8),
      median(measured.map(({ p99 }) => p99))
        .toFixed(2)
        .padStart(8),
      share ? `${(median(share) * 100).toFixed(0)} %`.padStart(8) : '',
    ].join(' ');
  const ratio = median(flooded.map(({ p99 }) => p99)) / median(quiet.map(({ p99 }) => p99));
  process.stdout.write(
    [
      '',
      `With ${title}:`,
      'who                          answered/s  refused/s   p50 ms   p99 ms  gateway CPU',
      row('the others, quiet', quiet, load[0]),
      row('the others, with the flood', flooded, load[1]),
      row('the flood', floods),
      `The others' p99 is ${ratio.toFixed(2)} times as long with the flood (at most 2 is allowed).`,
      '',
    ].join('\n'),
  );
  return ratio;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
