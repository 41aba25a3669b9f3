import { parseArgs } from 'node:util';
import { compare, type Comparison, sum } from './compare.ts';
import { openEverythingServer } from './everything/everything-server.ts';
import { openPassage, type Passage } from './passage.ts';
import { requiredScenarios, runSuite, suiteVersion } from './suite.ts';

/** Runs the official suite directly and through Countersign and compares. Ends with 1 on any difference. */
const revisions = ['2025-11-25', '2026-07-28'] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { verbose: { type: 'boolean', default: false } } });
  await using passage = await openPassage();
  const comparisons = [];
  for (const revision of revisions) comparisons.push(await compareServer(revision, passage));
  print(`Official conformance suite ${await suiteVersion()}, directly and through Countersign`);
  for (const comparison of comparisons) printTable(comparison, values.verbose);
  return comparisons.some(({ rows }) => rows.some(({ differences }) => differences.length > 0)) ? 1 : 0;
}

/** The suite as the client of a server: in front of it, and in front of a bridge that leads to it. */
async function compareServer(revision: string, passage: Passage): Promise<Comparison> {
  await using server = await openEverythingServer();
  const run = (url: string) => runSuite({ revision, side: { kind: 'server', url } });
  const direct = await run(server.url);
  const through = await run(await passage.to(server.url));
  const required = await requiredScenarios(revision, 'server');
  return compare(`server, ${revision}`, { direct, through, required });
}

function printTable({ title, rows }: Comparison, verbose: boolean): void {
  print(`\n${title}`);
  const shown = verbose ? rows : rows.filter(({ differences }) => differences.length > 0);
  for (const { scenario, direct, through, differences } of shown) {
    print(`  ${scenario}: ${direct.passed}/${direct.counted}, through ${through.passed}/${through.counted}`);
    for (const difference of differences) print(`    ${difference}`);
  }
  for (const [label, some] of [
    ['required', rows.filter(({ required }) => required)],
    ['other', rows.filter(({ required }) => !required)],
  ] as const) {
    const [direct, through] = [sum(some, 'direct'), sum(some, 'through')];
    print(
      `  ${label}: ${some.length} scenarios, ${direct.passed}/${direct.counted} checks directly, ${through.passed}/${through.counted} through`,
    );
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
