import { join } from 'node:path';
import { openSignInDesk } from './sign-in-desk.ts';
import { judge, type Judged } from './sign-in-expected.ts';
import { type Check, type Results, runSuite } from './suite.ts';

/** What the scenarios under `auth/` say of the bridge as an OAuth client. */
export interface SignInReport {
  /** One line for each run. */
  readonly lines: readonly string[];
  /** Checks that fail as they are expected to, with their reasons. */
  readonly departures: readonly string[];
  /** What came out otherwise than expected; empty when nothing did. */
  readonly differences: readonly string[];
}

const runs = [
  { revision: '2026-07-28', set: 'requirements' },
  { revision: '2025-03-26', set: 'backcompat' },
] as const;

/**
 * Runs every scenario under `auth/` through bridges: the suite is the MCP server and its authorization server, the official client
 * speaks over standard input and output and knows nothing of tokens.
 */
export async function checkSignIn(): Promise<SignInReport> {
  await using desk = await openSignInDesk();
  const command = `${process.execPath} ${join(import.meta.dirname, 'at-desk.ts')}`;
  const judged: { readonly title: string; readonly results: Results; readonly found: Judged }[] = [];
  for (const { revision, set } of runs) {
    const environment = { COUNTERSIGN_DESK: desk.address };
    const all = await runSuite({ revision, side: { kind: 'client', command, set }, environment });
    const results = new Map([...all].filter(([scenario]) => scenario.startsWith('auth/')));
    judged.push({ title: `${revision}, ${set}`, results, found: judge(set, results) });
  }
  return {
    lines: ['\nThe bridge as a client that signs in', ...judged.map(lineFor)],
    departures: judged.flatMap(({ found }) => found.departures),
    differences: judged.flatMap(({ title, found }) => found.differences.map((one) => `${title}: ${one}`)),
  };
}

function lineFor({ title, results }: { readonly title: string; readonly results: Results }): string {
  const checks = [...results.values()].flat().filter(counts);
  const passed = checks.filter(({ status }) => status === 'SUCCESS').length;
  return `  ${title}: ${results.size} scenarios, ${passed}/${checks.length} checks`;
}

function counts({ status }: Check): boolean {
  return status !== 'INFO' && status !== 'SKIPPED';
}
