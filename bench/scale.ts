import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from '../scripts/bundle.ts';
import { builtProgramVariable } from '../test/journeys/fresh-authority.ts';
import { printUnitCosts } from './scale/unit-costs.ts';

/**
 * Agents with a live connection each, in processes of their own, at two gateways and one authority: calls of both eras, refusals,
 * renewals, revocations and other policies, and what one of each costs.
 * `npm run bench:scale -- [--agents 5000] [--seconds 120] [--write]`; `--write` keeps the costs for `bench/scale/model.ts`.
 */
const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '120' },
    servers: { type: 'string', default: '24' },
    /** Between two calls of an agent, on average, in seconds. */
    pause: { type: 'string', default: '20' },
    write: { type: 'boolean', default: false },
  },
});

const built = mkdtempSync(join(import.meta.dirname, '../node_modules/.countersign-scale-'));
const folder = mkdtempSync(join(tmpdir(), 'countersign-scale-'));
try {
  await bundle(built);
  process.env[builtProgramVariable] = join(built, 'main.js');
  // After the variable is set, which it reads.
  const { measureScale } = await import('./scale/measure-scale.ts');
  const measured = await measureScale({
    agents: Number(values.agents),
    servers: Number(values.servers),
    gateways: 2,
    seconds: Number(values.seconds),
    pauseMilliseconds: Number(values.pause) * 1_000,
    folder,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const costs = { machine: `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}`, ...measured };
  printUnitCosts(costs);
  process.stdout.write(`The load of the machine at the end was ${(loadavg()[0] ?? 0).toFixed(1)}.\n`);
  if (values.write) {
    const file = join(import.meta.dirname, 'scale/measured.json');
    writeFileSync(file, `${JSON.stringify(costs, null, 2)}\n`);
  }
} finally {
  rmSync(built, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}
