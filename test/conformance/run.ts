import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkAuthorizationServer } from './authorization.ts';
import { compare, type Comparison, isRed, sum } from './compare.ts';
import { openEverythingServer } from './everything/everything-server.ts';
import { openPassage, type Passage } from './passage.ts';
import { checkSignIn } from './sign-in.ts';
import { type Check, runSuite, scenariosOf, suiteVersion } from './suite.ts';

/** Runs the official suite directly and through Countersign and compares. Ends with 1 on any difference. */
const revisions = ['2025-11-25', '2026-07-28'] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { verbose: { type: 'boolean', default: false } } });
  await using passage = await openPassage();
  const comparisons = [];
  for (const revision of revisions) comparisons.push(await compareServer(revision, passage));
  for (const revision of revisions) comparisons.push(...(await compareClient(revision, passage)));
  print(`Official conformance suite ${await suiteVersion()}, directly and through Countersign`);
  for (const comparison of comparisons) printTable(comparison, values.verbose);
  const signIn = await checkSignIn();
  for (const line of values.verbose ? [...signIn.lines, ...signIn.departures] : signIn.lines) print(line);
  for (const difference of signIn.differences) print(`  ${difference}`);
  const authorization = await checkAuthorizationServer();
  for (const line of [...authorization.lines, ...authorization.differences]) print(line);
  const differences = [...signIn.differences, ...authorization.differences];
  return comparisons.some(isRed) || differences.length > 0 ? 1 : 0;
}

/** The suite as the client of a server: in front of it, and in front of a bridge that leads to it. */
async function compareServer(revision: string, passage: Passage): Promise<Comparison> {
  await using server = await openEverythingServer();
  const run = (url: string) => runSuite({ revision, side: { kind: 'server', url } });
  const direct = await run(server.url);
  const through = await run(await passage.to(server.url));
  const { required } = await scenariosOf(revision, 'server');
  return compare(`server, ${revision}`, { direct, through, required, ours });
}

/** The id of a task that was not given to the agent is refused before the server is asked (law 5). */
const ours = ['sep-2663-tasks-get-invalid-task-id-32602 (TasksGetUnknownTaskIdRejected)'];

/** The suite as the server of the official client, which goes there straight, or through either face of a bridge. */
async function compareClient(revision: string, passage: Passage): Promise<readonly Comparison[]> {
  const all = await scenariosOf(revision, 'client');
  const scenarios = [...all.required, ...all.unscored].filter((scenario) => !isAuthorization(scenario));
  const required = all.required.filter((scenario) => !isAuthorization(scenario));
  const command = `${process.execPath} ${join(import.meta.dirname, 'client.ts')}`;
  const run = async (environment: Record<string, string>) => {
    const results = new Map<string, readonly Check[]>();
    for (const scenario of scenarios) {
      const one = await runSuite({ revision, side: { kind: 'client', command, scenario }, environment });
      for (const [name, checks] of one) results.set(name, checks);
    }
    return results;
  };
  const faces = ['http', 'stdio'] as const;
  // Side by side, because most of the time goes into starting processes and waiting for them.
  const [direct, ...throughs] = await Promise.all([
    run({}),
    ...faces.map((face) => run({ COUNTERSIGN_PASSAGE: passage.address, COUNTERSIGN_FACE: face })),
  ]);
  return throughs.map((through, index) =>
    compare(`client over ${faces[index]}, ${revision}`, { direct, through, required }),
  );
}

/**
 * Through Countersign no credential of a client reaches a server, so there is nothing to compare. What a bridge does when it is the
 * client that authorises itself is for `sign-in.ts`.
 */
function isAuthorization(scenario: string): boolean {
  return scenario.startsWith('auth/');
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
