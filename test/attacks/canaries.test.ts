import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openCollector } from '../journeys/collector.ts';
import { openTown, type Presentable, until } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { program, run } from '../journeys/program.ts';
import { call } from '../journeys/token-town.ts';
import { scanFolder } from './canary-scan.ts';
import { openEchoingServer } from './echoing-server.ts';

/** What must be told nowhere, each where it belongs and nowhere else. */
const secrets = {
  'in the environment': 'env-9f+Qz/"7\\kL2mX0',
  'in a file': 'file-3c8:Yp&w~Rt5Vb1',
  'of a stdio server': 'child-6hT!s9_Kd4Zr8Nq',
  'in an argument': 'argument-2vB7xW5jM9pL',
  'in a result': 'result-8nC4tF6yH1sD',
  'in a header': 'header-5gJ0uE3rA7kP',
  'in a URL': 'url-1wS9zG4bT6mX',
} as const;

/** The program with its output in files, and a signal that makes it fail as nobody foresaw. */
async function up(
  place: Place,
  name: string,
): Promise<{ readonly child: ChildProcess; readonly listening: Record<string, string> }> {
  const [out, err] = [join(place.scanned, `${name}.stdout`), join(place.scanned, `${name}.stderr`)];
  const [stdout, stderr] = [await open(out, 'w'), await open(err, 'w')];
  const words = [
    'up',
    '--folder',
    place.folder,
    '--ports',
    'any',
    '--passphrase-file',
    place.passphraseFile,
    '--json',
    '--set',
    `telemetry.otlp.url=${place.collector}`,
    '--set',
    'telemetry.otlp.metricsSeconds=1',
    '--set',
    'logging.format=json',
  ];
  const child = spawn(process.execPath, ['--import', pathToFileURL(place.hook).href, program, ...words], {
    stdio: ['ignore', stdout.fd, stderr.fd],
    env: { ...process.env, CANARY_KEY: secrets['in the environment'], NODE_DEBUG: 'http,https,tls,net' },
  });
  await Promise.all([stdout.close(), stderr.close()]);
  for (let waited = 0; waited < 1_500 && child.exitCode === null; waited++) {
    const text = await readFile(out, 'utf8');
    if (text.includes('\n'))
      return { child, listening: (JSON.parse(text) as { listening: Record<string, string> }).listening };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(await readFile(err, 'utf8'));
}

interface Place {
  readonly root: string;
  /** Where traces go. */
  readonly collector: string;
  /** Everything that the program writes or says. */
  readonly scanned: string;
  readonly folder: string;
  readonly passphraseFile: string;
  readonly hook: string;
  readonly agent: Presentable;
  readonly admin: string;
  readonly passphrase: string;
}

async function prepare(url: string, collector: string): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-canaries-'));
  const at = (name: string): string => join(root, name);
  await mkdir(at('scanned'));
  await mkdir(at('admin'));
  await writeFile(at('key'), secrets['in a file'], { mode: 0o600 });
  await writeFile(at('child-key'), secrets['of a stdio server'], { mode: 0o600 });
  await writeFile(at('hook.mjs'), hookText);
  await using town = await openTown();
  const { passphrase } = town;
  await writeFile(at('passphrase'), passphrase, { mode: 0o600 });
  const headers = { 'x-api-key': `file:${at('key')}`, 'x-other-key': 'env:CANARY_KEY' };
  await town.addServer({ name: 'echoing', transport: 'http', era: 'legacy', url, headers });
  const script = `process.stderr.write('I have ' + process.env.KEY + '\\n'); setTimeout(() => { throw new Error('no ' + process.env.KEY) }, 50);`;
  const environment = { KEY: `file:${at('child-key')}` };
  await town.addServer({
    name: 'child',
    transport: 'stdio',
    command: [process.execPath, '-e', script],
    environment,
  });
  await town.addHttpServer('gone', 'http://127.0.0.1:9/mcp');
  await town.addAgent('ci-bot');
  await town.permit(
    'permit (principal, action, resource); forbid (principal, action == Action::"tools/call", resource == Tool::"echoing/forbidden");',
  );
  const [agent, operator] = [await town.issue('ci-bot'), await town.issue('operator', 'admin')];
  await writeFile(join(at('admin'), 'certificate.pem'), operator.cert);
  await writeFile(join(at('admin'), 'key.pem'), operator.key, { mode: 0o600 });
  await writeFile(join(at('admin'), 'roots.pem'), operator.ca);
  await town.deployment[Symbol.asyncDispose]();
  const folder = join(at('scanned'), 'authority');
  await cp(town.data.folder, folder, { recursive: true });
  const [passphraseFile, hook, admin] = [at('passphrase'), at('hook.mjs'), at('admin')];
  return { root, collector, scanned: at('scanned'), folder, passphraseFile, hook, agent, admin, passphrase };
}

/** What a mistake would look like: an error that quotes what was at hand. */
const hookText = `process.on('SIGUSR2', () => { setImmediate(() => { throw new Error('unexpected ' + process.env.CANARY_KEY); }); });
process.on('SIGWINCH', () => { void Promise.reject(new Error('rejected ' + Buffer.from(process.env.CANARY_KEY).toString('base64'))); });`;

test('S2 canary scan: calls, errors, refusals, token flows, kill -9 and two crashes leave no secret in any file, stream, metric or record', {
  timeout: 120_000,
}, async () => {
  const held = { credential: '' };
  await using server = await openEchoingServer(held);
  await using collector = await openCollector();
  const place = await prepare(server.url, collector.url);
  const canaries: Record<string, string> = {
    ...secrets,
    passphrase: place.passphrase,
    'of the agent': keyLine(place.agent.key),
  };
  try {
    const first = await up(place, 'first');
    await exercise(first.listening, place, canaries);
    await administer(first.listening, place);
    await until(() => collector.bodies['/v1/metrics'].length > 0);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    for (const [name, signal] of [
      ['second', 'SIGUSR2'],
      ['third', 'SIGWINCH'],
    ] as const) {
      const next = await up(place, name);
      await exercise(next.listening, place, canaries);
      next.child.kill(signal);
      const [code] = (await once(next.child, 'exit')) as [number];
      assert.equal(code, 1);
      const said = await readFile(join(place.scanned, `${name}.stderr`), 'utf8');
      assert.match(said, /Countersign stopped because of a mistake of its own: Error: \w+ \[secret\]/);
    }
    assert.equal(held.credential, secrets['in a file']);
    assert.ok(collector.spans().some(({ status }) => status.message === 'denied'));
    await writeFile(join(place.scanned, 'traces'), collector.bodies['/v1/traces'].join('\n'));
    await writeFile(join(place.scanned, 'sent-metrics'), collector.bodies['/v1/metrics'].join('\n'));
    const { files, octets, hits } = await scanFolder(place.scanned, canaries);
    assert.deepEqual(
      hits.map(({ file, canary, form }) => `${canary}, ${form}: ${file}`),
      [],
    );
    assert.ok(files.length > 20 && octets > 100_000, `${files.length} files, ${octets} octets`);
    for (const needed of [
      'authority/gateway-log',
      'authority/authority-log',
      'first.stderr',
      'metrics',
      'traces',
      'answers',
    ]) {
      assert.ok(
        files.some((file) => file.includes(needed)),
        `${needed} among ${files.join(' ')}`,
      );
    }
    await planted(place, canaries);
  } finally {
    await rm(place.root, { recursive: true, force: true });
  }
});

/** The scan is able to find: each canary in each form, in a file of its own. */
async function planted(place: Place, canaries: Readonly<Record<string, string>>): Promise<void> {
  const { formsOf } = await import('./canary-scan.ts');
  await mkdir(join(place.scanned, 'deep'));
  for (const [name, value] of Object.entries(canaries)) {
    const text = Object.values(formsOf(value)).join('\n');
    await writeFile(join(place.scanned, 'deep', name), text);
  }
  const { hits } = await scanFolder(place.scanned, canaries);
  for (const [name, value] of Object.entries(canaries)) {
    for (const form of Object.keys(formsOf(value))) {
      assert.ok(
        hits.some((hit) => hit.canary === name && hit.form === form && hit.file === join('deep', name)),
        `${name}, ${form}`,
      );
    }
  }
}

async function exercise(
  listening: Record<string, string>,
  place: Place,
  canaries: Record<string, string>,
): Promise<void> {
  await using fetch = mutualFetch(place.agent);
  const answers: string[] = [];
  const post = async (path: string, body: string, headers: Record<string, string> = {}): Promise<void> => {
    const answered = await fetch(`${listening['agents']}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body,
    });
    answers.push(`${answered.status} ${JSON.stringify([...answered.headers])} ${await answered.text()}`);
  };
  const ask = (server: string, method: string, params: object): Promise<void> =>
    post(`/mcp${server}`, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  const opening = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'agent', version: '1' },
  };
  for (const server of ['/echoing', '/child', '/gone', '']) await ask(server, 'initialize', opening);
  await ask('/echoing', 'tools/list', {});
  for (const name of ['whole', 'failed', 'streamed', 'forbidden']) {
    await ask('/echoing', 'tools/call', { name, arguments: { told: secrets['in an argument'] } });
  }
  await post('/mcp/echoing', `{"jsonrpc":"2.0","id":1,"broken":"${secrets['in an argument']}`);
  await post(`/mcp/echoing?key=${secrets['in a URL']}`, '{}', {
    authorization: `Bearer ${secrets['in a header']}`,
  });
  const token = await call(
    `${listening['authority']}/token`,
    {
      grant_type: 'client_credentials',
      client_id: 'spiffe://example.internal/agent/ci-bot',
      resource: `${listening['agents']}/mcp/echoing`,
    },
    { as: place.agent, ca: place.agent.ca },
  );
  const given = token.json['access_token'];
  const value = typeof given === 'string' ? given : '';
  assert.ok(value.length > 100, token.text);
  canaries[`token ${Object.keys(canaries).length}`] = value.slice(value.lastIndexOf('.') + 1);
  await post('/mcp/echoing', '{}', { authorization: `Bearer ${value}` });
  await call(
    `${listening['authority']}/introspect`,
    { token: value },
    { as: place.agent, ca: place.agent.ca },
  );
  await call(
    `${listening['authority']}/token`,
    { grant_type: 'refresh_token', refresh_token: secrets['in an argument'] },
    { as: place.agent, ca: place.agent.ca },
  );
  const metrics = await globalThis.fetch(`${listening['ops']}/metrics`);
  await writeFile(join(place.scanned, 'metrics'), await metrics.text(), { flag: 'a' });
  const ready = await globalThis.fetch(`${listening['ops']}/readyz`);
  await writeFile(join(place.scanned, 'readyz'), await ready.text(), { flag: 'a' });
  await writeFile(join(place.scanned, 'answers'), answers.join('\n'), { flag: 'a' });
}

/** What an administrator asks for and is told. */
async function administer(listening: Record<string, string>, place: Place): Promise<void> {
  const there = ['--authority', listening['authority'] ?? '', '--admin', place.admin];
  const said: string[] = [];
  for (const words of [
    ['server', 'list', ...there],
    ['server', 'show', 'echoing', ...there],
    ['agent', 'list', ...there, '--json'],
    ['token', 'list', ...there],
    ['audit', 'tail', join(place.folder, 'gateway-log')],
    ['audit', 'verify', join(place.folder, 'gateway-log')],
    ['audit', 'tail', join(place.folder, 'authority-log'), '--json'],
  ]) {
    const { code, stdout, stderr } = await run(words, { CANARY_KEY: secrets['in the environment'] });
    said.push(`${words.slice(0, 2).join(' ')}: ${code}\n${stdout}\n${stderr}`);
  }
  await writeFile(join(place.scanned, 'administration'), said.join('\n'));
}

/** A line in the middle of a key: its beginning is the same in every key. */
function keyLine(pem: string): string {
  return pem.split('\n')[2] ?? '';
}
