import { cpus, loadavg } from 'node:os';
import { type Contestant, startCountersign } from './contestants.ts';
import { compare, median, pairedRatio, type Round, warmUp } from './measure.ts';
import { openRig } from './rig.ts';

/**
 * A gateway as one process and as several, in turn, in one run: nobody has a core of their own, so what load client and MCP
 * server take is not there for workers. `npm run bench:workers -- [rounds] [milliseconds] [workers]`.
 */
const [rounds = 5, milliseconds = 2_000, workers = Math.max(2, cpus().length)] = process.argv
  .slice(2)
  .map(Number);
await using rig = await openRig();
const contestants: Contestant[] = [];
for (const audit of ['durable', 'queued'] as const)
  for (const count of [1, workers]) contestants.push(await startCountersign(rig, audit, count));
await warmUp(rig, contestants);
process.stdout.write(
  `${cpus().length} cores, load before ${loadavg()[0]?.toFixed(1)}; ${rounds} rounds of ${milliseconds} ms in turn, medians\n`,
);
for (const connections of [16, 64]) {
  const results = await compare(rig, contestants, { answer: '300b', connections, milliseconds }, rounds);
  process.stdout.write(`\n${connections} connections\n`);
  for (let at = 0; at < contestants.length; at += 2) {
    const [one, several] = contestants.slice(at, at + 2);
    if (!one || !several) continue;
    const [alone, together] = [results.get(one.name) ?? [], results.get(several.name) ?? []];
    process.stdout.write(`${line(one.name, alone)}\n${line(several.name, together)}\n`);
    const [rate, cost] = [pairedRatio(together, alone, perSecond), pairedRatio(together, alone, cpu)];
    process.stdout.write(
      `  ratio: ${rate.toFixed(2)} × the calls, ${cost.toFixed(2)} × the processor time of one\n`,
    );
  }
}

function line(name: string, seen: readonly Round[]): string {
  const [rate, cost] = [median(seen.map(perSecond)), median(seen.map(cpu))];
  const p99 = median(seen.map((round) => round.p99));
  const failures = seen.reduce((sum, round) => sum + round.failures, 0);
  return `  ${name}: ${Math.round(rate)}/s, p99 ${p99.toFixed(1)} ms, ${Math.round(cost)} µs a call, ${failures} failed`;
}

function perSecond(round: Round): number {
  return round.perSecond;
}

function cpu(round: Round): number {
  return round.cpu;
}
