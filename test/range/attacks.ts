import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { arms } from './controls.ts';
import { families } from './families/families.ts';
import { times } from './letters.ts';
import { pageOf, percent } from './page.ts';
import {
  ablated,
  type ArmResults,
  publishedSeed,
  type RangeResults,
  runArm,
  type Size,
} from './run-range.ts';

/**
 * The attack range: `npm run attacks`. Five MCP servers, one of them hostile, an agent that obeys whatever it reads, without a
 * gateway and with one; `--short` makes a few attempts of each; `--write` turns each control off as well, and writes the results
 * and docs/security/attack-range.md; `--page` writes the page from the results that are there.
 */
const { values } = parseArgs({
  options: { short: flag(), write: flag(), page: flag() },
});
const size: Size = values.short ? { variants: 4, tasks: 16 } : { variants: 20, tasks: 208 };
const folder = join(import.meta.dirname, '../../docs/security');
const titles = new Map(families.map(({ id, title }) => [id, title]));

if (values.page) {
  const kept = JSON.parse(await readFile(join(folder, 'attack-range.json'), 'utf8')) as RangeResults;
  await writeFile(join(folder, 'attack-range.md'), pageOf(kept));
  process.exit(0);
}
const results: Record<string, ArmResults> = {};
for (const [name, controls] of Object.entries(arms)) {
  results[name] = await arm(name === 'none' ? 'no gateway' : `${name} policy`, controls);
}
if (values.write) {
  const ablation: Record<string, ArmResults> = {};
  for (const [id, controls] of ablated()) ablation[id] = await arm(`strict without ${id}`, controls);
  const all = { seed: publishedSeed, arms: results, ablation };
  await writeFile(join(folder, 'attack-range.json'), `${JSON.stringify(all, null, 2)}\n`);
  await writeFile(join(folder, 'attack-range.md'), pageOf(all));
  say(`\nWritten to ${folder}`);
}

async function arm(title: string, controls: Parameters<typeof runArm>[0]): Promise<ArmResults> {
  say(`\n${title}`);
  return await runArm(controls, size, (what, letters) => {
    const won = letters.length - times('.', letters) - times('c', letters);
    const name = titles.get(what) ?? 'benign tasks that were hindered';
    say(`  ${what.padEnd(7)} ${percent(won, letters.length).padStart(6)}  ${letters}  ${name}`);
  });
}

function flag() {
  return { type: 'boolean', default: false } as const;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
