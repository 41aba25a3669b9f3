import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { arms } from './controls.ts';
import { families } from './families/families.ts';
import { times } from './letters.ts';
import { pageOf, percent, summaryOf } from './page.ts';
import {
  ablated,
  type ArmResults,
  publishedSeed,
  type RangeResults,
  runArm,
  type Size,
} from './run-range.ts';

/**
 * The attack range: `npm run attacks`, and `countersign demo attacks`. Five MCP servers, one of them hostile, an agent that obeys whatever it reads, without a
 * gateway and with one. `--short` makes a few attempts of each, `--json` says what came of them as one value. `--write` turns each control off as well, keeps the results and
 * writes docs/security/attack-range.md; with `--only none,strict,pins` it runs those arms and controls and keeps the others as they are.
 */
const flag = { type: 'boolean', default: false } as const;
const { values } = parseArgs({
  options: { short: flag, json: flag, write: flag, only: { type: 'string', default: '' } },
});
const size: Size = values.short ? { variants: 4, tasks: 16 } : { variants: 20, tasks: 208 };
const folder = join(import.meta.dirname, '../../docs/security');
const file = join(folder, 'attack-range.json');
const only = values.only === '' ? null : values.only.split(',');
const isWanted = (name: string): boolean => only === null || only.includes(name);
const titles = new Map(families.map(({ id, title }) => [id, title]));

const kept = values.write && existsSync(file) ? await readKept() : { arms: {}, ablation: {} };
const results: RangeResults = {
  seed: publishedSeed,
  arms: await runEach(Object.entries(arms), kept.arms, (name) =>
    name === 'none' ? 'no gateway' : `${name} policy`,
  ),
  ablation: await runEach(
    values.write ? ablated() : [],
    kept.ablation,
    (control) => `strict policy without ${control}`,
  ),
};
if (values.json) process.stdout.write(`${JSON.stringify({ size, ...results })}\n`);
else say(`\n${summaryOf(results)}`);
if (values.write) {
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(join(folder, 'attack-range.md'), pageOf(results));
  say(`\nWritten to ${folder}`);
}

async function runEach(
  each: readonly (readonly [string, Parameters<typeof runArm>[0]])[],
  before: Readonly<Record<string, ArmResults>>,
  titleOf: (name: string) => string,
): Promise<Readonly<Record<string, ArmResults>>> {
  const found: Record<string, ArmResults> = {};
  for (const [name, controls] of each) {
    const known = before[name];
    if (isWanted(name)) found[name] = await arm(titleOf(name), controls);
    else if (known) found[name] = known;
  }
  return found;
}

async function arm(title: string, controls: Parameters<typeof runArm>[0]): Promise<ArmResults> {
  say(`\n${title}`);
  return await runArm(controls, size, (what, letters) => {
    const won = letters.length - times('.', letters) - times('c', letters);
    const name = titles.get(what) ?? 'benign tasks that were hindered';
    say(`  ${what.padEnd(7)} ${percent(won, letters.length).padStart(6)}  ${letters}  ${name}`);
  });
}

async function readKept(): Promise<RangeResults> {
  return JSON.parse(await readFile(file, 'utf8')) as RangeResults;
}

function say(line: string): void {
  if (!values.json) process.stdout.write(`${line}\n`);
}
