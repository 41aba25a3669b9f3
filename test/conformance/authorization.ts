import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { freePort } from '../interop/free-port.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { openPasskeyBrowser, type PasskeyBrowser } from '../journeys/people-town.ts';
import { type Check, readResults, suiteProgram } from './suite.ts';

/** What the scenarios for authorization servers say of ours. */
export interface AuthorizationReport {
  readonly lines: readonly string[];
  /** What came out otherwise than expected; empty when nothing did. */
  readonly differences: readonly string[];
}

/** Every check of every scenario that the suite has for authorization servers, and each has to succeed. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'authorization-server-metadata-endpoint': [
    'authorization-server-metadata',
    'authorization-server-metadata-cimd',
  ],
  'authorization-code-grant': ['authorization-code-grant'],
};

const agent = 'conformance';
const longestRun = 60_000;

/**
 * Runs them against the authorization server of a town. The suite is a client like others: it has the certificate of an agent
 * (`with-certificate.ts`), for nobody without a certificate or a proof gets a token here; and its person has a passkey.
 */
export async function checkAuthorizationServer(): Promise<AuthorizationReport> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-conformance-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const town = opened.use(await openTown());
  await town.addAgent(agent);
  await town.addHttpServer('files', 'http://127.0.0.1:9/mcp');
  const browser = opened.use(await personOf(town));
  const environment = await certificateFor(town, folder);
  const said = await runSuite({ town, browser, folder, environment });
  const results = await readResults(folder, 'authorization');
  const differences = differencesOf(results);
  const checks = [...results.values()].flat();
  const passed = checks.filter(({ status }) => status === 'SUCCESS').length;
  return {
    lines: [`\nOur authorization server: ${results.size} scenarios, ${passed}/${checks.length} checks`],
    differences: differences.length > 0 ? [...differences, said] : [],
  };
}

async function personOf(town: Town): Promise<PasskeyBrowser> {
  const act = async (name: string, input: Json): Promise<Json> =>
    await findOperation(name).run(town.deployment.authority, input, { name: 'conformance', way: 'local' });
  await act('person.add', { person: 'ada' });
  const browser = openPasskeyBrowser(town);
  const { link } = (await act('person.invite', { person: 'ada' })) as { link: string };
  await browser.enrol(link);
  return browser;
}

async function certificateFor(town: Town, folder: string): Promise<Record<string, string>> {
  const { cert, key, ca } = await town.issue(agent);
  const place = async (name: string, text: string): Promise<string> => {
    const at = join(folder, name);
    await writeFile(at, text, { mode: 0o600 });
    return at;
  };
  return {
    MCP_CLIENT_CERT: await place('certificate.pem', cert),
    MCP_CLIENT_KEY: await place('key.pem', key),
    MCP_CA_CERT: await place('roots.pem', ca),
  };
}

async function runSuite(parts: {
  readonly town: Town;
  readonly browser: PasskeyBrowser;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}): Promise<string> {
  const { town, browser, folder, environment } = parts;
  const words = [
    '--import',
    join(import.meta.dirname, 'with-certificate.ts'),
    suiteProgram,
    'authorization',
    '--url',
    town.authorityUrl,
    '--client-id',
    `spiffe://example.internal/agent/${agent}`,
    '--port',
    String(await freePort()),
    '--resource',
    town.endpoint('files'),
    '--output-dir',
    folder,
  ];
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    timeout: longestRun,
  });
  let said = '';
  let asked = false;
  const heard = (text: string): void => {
    said += text;
    const url = /^\s*(https:\/\/\S+\/authorize\?\S+)\s*$/m.exec(said)?.[1];
    if (url === undefined || asked) return;
    asked = true;
    agree(new URL(url), browser).catch((error: unknown) => (said += String(error)));
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', heard);
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  return said;
}

/** The person opens the page, says yes, and their browser goes back to the suite. */
async function agree(url: URL, browser: PasskeyBrowser): Promise<void> {
  const onward = async (response: Awaited<ReturnType<PasskeyBrowser['ask']>>): Promise<string> => {
    const location = response.headers.get('location');
    if (location === null)
      throw new Error(`the page leads nowhere: ${response.status} ${await response.text()}`);
    return location;
  };
  const place = new URL(await onward(await browser.ask(url.pathname + url.search)), browser.origin).pathname;
  const key = /name="key" value="([\w-]{43})"/.exec(await (await browser.ask(place)).text())?.[1] ?? '';
  const answered = await browser.ask(place, {
    method: 'POST',
    headers: { origin: browser.origin, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ decision: 'allow', key }).toString(),
  });
  const resumed = await browser.ask(new URL(await onward(answered), browser.origin).pathname);
  await fetch(await onward(resumed));
}

function differencesOf(results: ReadonlyMap<string, readonly Check[]>): readonly string[] {
  const differences: string[] = [];
  for (const [scenario, ids] of Object.entries(expected)) {
    const checks = results.get(scenario) ?? [];
    const passed = checks.filter(({ status }) => status === 'SUCCESS').map(idOf);
    if (passed.join() !== ids.join()) {
      const failed = checks.filter(({ status }) => status !== 'SUCCESS');
      const why = failed.map((check) => `${idOf(check)}: ${check.message}`).join('; ');
      differences.push(
        `${scenario}: ${passed.join(', ') || 'nothing'} passed, not ${ids.join(', ')}. ${why}`,
      );
    }
  }
  const unknown = [...results.keys()].filter((scenario) => !(scenario in expected));
  if (unknown.length > 0) differences.push(`scenarios that nobody expects: ${unknown.join(', ')}`);
  return differences;
}

function idOf({ name }: Check): string {
  return name.split(' ')[0] ?? name;
}
