import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/** One run of the official suite: which side is under test, and how the suite reaches it. */
export interface SuiteRun {
  readonly revision: string;
  readonly side:
    | { readonly kind: 'server'; readonly url: string }
    | { readonly kind: 'client'; readonly command: string; readonly scenario: string }
    /** Every scenario that a revision requires, or of one of the suite's own sets, at once. */
    | {
        readonly kind: 'client';
        readonly command: string;
        readonly set: 'requirements' | 'backcompat';
      };
  readonly environment?: Readonly<Record<string, string>>;
}

/** What one check of a scenario came to. */
export interface Check {
  /** Id and name; the same one may come several times in a scenario. */
  readonly name: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly message: string;
}

/** The checks of every scenario that ran. */
export type Results = ReadonlyMap<string, readonly Check[]>;

const packageFolder = dirname(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
);
/** The suite's own program. */
export const suiteProgram = join(packageFolder, 'dist/index.js');
const longestRun = 120_000;

/** The version of the suite that is installed. */
export async function suiteVersion(): Promise<string> {
  const text = await readFile(join(packageFolder, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The scenarios that the suite has for one side of a revision. */
export interface ScenarioSet {
  readonly required: readonly string[];
  /** What it runs without scoring it. */
  readonly unscored: readonly string[];
}

export async function scenariosOf(revision: string, side: 'server' | 'client'): Promise<ScenarioSet> {
  const text = await readFile(join(packageFolder, 'requirements', `${revision}.yaml`), 'utf8');
  const set = parse(text) as {
    readonly [side: string]: readonly string[];
  } & { readonly not_scored: readonly { readonly scenario: string; readonly leg: string }[] };
  return {
    required: set[side] ?? [],
    unscored: set.not_scored.filter(({ leg }) => leg === side).map(({ scenario }) => scenario),
  };
}

/** Runs the suite once and reads what it wrote. Throws when it wrote nothing. */
export async function runSuite({ revision, side, environment = {} }: SuiteRun): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-conformance-'));
  try {
    // A client is a process for every scenario; all at once, as the suite runs a set, would measure the machine.
    const what =
      side.kind === 'server'
        ? ['--url', side.url, '--requirements', revision]
        : ['--command', side.command, ...wordsFor(side, revision)];
    const output = await run([side.kind, ...what, '--output-dir', folder], environment);
    const results = await readResults(folder, side.kind);
    if (results.size === 0) throw new Error(`The suite wrote no results:\n${output}`);
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function wordsFor(side: SuiteRun['side'] & { readonly kind: 'client' }, revision: string): readonly string[] {
  if ('scenario' in side) return ['--scenario', side.scenario, '--spec-version', revision];
  if (side.set === 'requirements') return ['--requirements', revision];
  return ['--suite', side.set];
}

function run(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [suiteProgram, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      timeout: longestRun,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    // Its exit code says whether something failed; what failed is in the files.
    child.once('error', reject).once('close', () => resolve(output));
  });
}

interface WrittenCheck {
  readonly id: string;
  readonly name: string;
  readonly status: Check['status'];
  readonly errorMessage?: string;
}

/** What the suite puts before the name of a scenario. */
const prefixes = { server: /^server-/, client: '', authorization: /^authorization-server-/ } as const;

/** The suite makes a folder for each scenario, named after it and the time, inside a folder when there is a slash in the name. */
export async function readResults(
  folder: string,
  side: 'server' | 'client' | 'authorization',
): Promise<Results> {
  const results = new Map<string, readonly Check[]>();
  for (const path of await readdir(folder, { recursive: true })) {
    const scenario = /^(.*)-\d{4}-\d\d-\d\dT[\dTZ-]+\/checks\.json$/.exec(path)?.[1];
    if (scenario === undefined) continue;
    const written = JSON.parse(await readFile(join(folder, path), 'utf8')) as readonly WrittenCheck[];
    results.set(
      scenario.replace(prefixes[side], ''),
      written.map(({ id, name, status, errorMessage = '' }) => ({
        name: `${id} (${name})`,
        status,
        message: errorMessage,
      })),
    );
  }
  return results;
}
