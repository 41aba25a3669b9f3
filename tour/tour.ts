import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Narrator } from './narrator.ts';
import { openRawSession, post, rawInitialize } from './raw-request.ts';
import { ask, bridgeCommand, countersign, end, up } from './stage.ts';

/**
 * The whole road in one go, with real parts: authority, gateway, two MCP servers from npm, the bridge, the official
 * MCP client. Every step says what it does and checks that it behaved.
 */
const { values: options } = parseArgs({
  options: { exit: { type: 'boolean', default: false }, folder: { type: 'string' } },
});
const folder = options.folder ? resolve(options.folder) : mkdtempSync(join(tmpdir(), 'countersign-tour-'));
const data = join(folder, 'authority');
const passphraseFile = join(folder, 'passphrase');
const documents = join(folder, 'documents');
const say = new Narrator();

say.title('Countersign: certificates instead of API keys for every MCP agent');

// 1 An authority.
mkdirSync(join(documents, 'public'), { recursive: true });
writeFileSync(
  join(documents, 'public', 'hello.txt'),
  'Hello from a file that the policy lets the agent read.\n',
);
writeFileSync(join(documents, 'salaries.txt'), 'A file that the policy does not let the agent read.\n');
writeFileSync(passphraseFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
const unlock = ['--folder', data, '--passphrase-file', passphraseFile];
say.step('An authority of your own');
await ask(['init', ...unlock, '--trust-domain', 'example.internal']);
say.fact(`State lies in ${data}`);
say.fact(`The passphrase of its keys is random and lies in ${passphraseFile}`);
say.check('root and intermediate certificate made, nothing permitted yet', true);

// 2 Who may do what.
const serverModule = (name: string): string => {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: Record<string, string> };
  return join(dirname(manifest), Object.values(bin)[0] ?? '');
};
say.step('Two real MCP servers, one agent, one policy');
const everything = serverModule('@modelcontextprotocol/server-everything');
const filesystem = serverModule('@modelcontextprotocol/server-filesystem');
await ask(['server', 'add', 'everything', ...unlock, '--', process.execPath, everything, 'stdio']);
await ask(['server', 'add', 'files', ...unlock, '--', process.execPath, filesystem, documents]);
await ask([
  'agent',
  'add',
  'tour',
  ...unlock,
  '--owner',
  'you@example.com',
  '--purpose',
  'The tour',
  '--role',
  'guest',
]);
await ask([
  'agent',
  'add',
  'thief',
  ...unlock,
  '--owner',
  'you@example.com',
  '--purpose',
  'Is revoked',
  '--role',
  'guest',
]);
cpSync(join(import.meta.dirname, '../examples/policies/tour.cedar'), join(data, 'policies', 'tour.cedar'));
const policy = join(data, 'policies', 'tour.cedar');
writeFileSync(policy, readFileSync(policy, 'utf8').replaceAll('/srv/documents', documents));
say.fact(
  'everything: @modelcontextprotocol/server-everything · files: @modelcontextprotocol/server-filesystem',
);
say.fact(`policy: ${policy}`);
say.check('policies compile', (await countersign(['policy', 'check', join(data, 'policies')])).code === 0);

// 3 Everything in one process.
const { child: running, listening } = await up([...unlock, '--ports', 'any']);
say.step('countersign up: authority and gateway');
for (const [name, url] of Object.entries(listening)) say.fact(`${name.padEnd(9)} ${url}`);

try {
  // 4 The agent joins and calls, through the bridge, with the official client.
  say.step('An agent joins with a one-time token and gets a certificate of its own');
  const { token, rootFingerprint } = await ask<{ token: string; rootFingerprint: string }>([
    'join-token',
    'create',
    'tour',
    '--folder',
    data,
  ]);
  const stateFolder = join(folder, 'bridge');
  const bridgeTo = (server: string): { command: string; args: string[]; stderr: 'inherit' } => ({
    command: bridgeCommand.command,
    args: [
      ...bridgeCommand.args,
      '--gateway',
      `${listening.agents}/mcp/${server}`,
      '--authority',
      listening.authority,
      '--agent',
      'tour',
      '--ca-fingerprint',
      rootFingerprint,
      '--state',
      stateFolder,
    ],
    stderr: 'inherit',
  });
  const first = bridgeTo('everything');
  const client = new Client({ name: 'tour', version: '1.0.0' });
  await client.connect(new StdioClientTransport({ ...first, args: [...first.args, '--join-token', token] }));
  const shown = await ask<{ certificates: { spiffeId: string; notAfter: number }[] }>([
    'agent',
    'show',
    'tour',
    '--folder',
    data,
  ]);
  const [certificate] = shown.certificates;
  say.fact(`${certificate?.spiffeId} until ${new Date(certificate?.notAfter ?? 0).toISOString()}`);
  say.check('the certificate is live and the MCP session is open', certificate !== undefined);

  say.step('tools/list: the agent sees what policy lets it use');
  const { tools } = await client.listTools();
  const seen = tools.map((tool) => tool.name).sort();
  say.fact(seen.join(', '));
  say.check('only the permitted tools are listed', seen.join() === 'echo,get-sum');

  say.step('tools/call echo: permitted');
  const echoed = await client.callTool({ name: 'echo', arguments: { message: 'certificates, not keys' } });
  const [echo] = echoed.content as { text?: string }[];
  say.fact(`the server answered: ${echo?.text}`);
  say.check('the real result came back', echo?.text?.includes('certificates, not keys') ?? false);

  say.step("tools/call get-env: refused (it would print the server's environment)");
  const refusal = await client.callTool({ name: 'get-env', arguments: {} }).then(
    () => null,
    (error: Error) => error.message,
  );
  say.fact(refusal ?? 'it was not refused');
  say.check('refused with the reason and the policy', refusal?.includes('never-environment') ?? false);
  await client.close();

  say.step('Arguments count: one file is permitted, its neighbour is not');
  const files = new Client({ name: 'tour', version: '1.0.0' });
  await files.connect(new StdioClientTransport(bridgeTo('files')));
  const read = (path: string): Promise<string> =>
    files.callTool({ name: 'read_text_file', arguments: { path } }).then(
      (result) => (result.content as { text?: string }[])[0]?.text ?? '',
      (error: Error) => `refused: ${error.message}`,
    );
  const allowed = await read(join(documents, 'public', 'hello.txt'));
  const denied = await read(join(documents, 'salaries.txt'));
  say.fact(`public/hello.txt → ${allowed.trim()}`);
  say.fact(`salaries.txt     → ${denied}`);
  say.check('the path in the arguments decided', allowed.startsWith('Hello') && denied.startsWith('refused'));
  await files.close();

  // 5 Strangers.
  say.step('Strangers are turned away before they can say a word of MCP');
  const url = `${listening.agents}/mcp/everything`;
  const ca = readFileSync(join(data, 'root.pem'), 'utf8');
  const none = await rawInitialize(url, { ca });
  say.fact(`without a certificate: ${none.failure ?? none.status}`);
  say.check('no certificate, no connection', none.status === null);
  const foreign = join(folder, 'another-authority');
  const foreignUnlock = ['--folder', foreign, '--passphrase-file', passphraseFile];
  await ask(['init', ...foreignUnlock, '--trust-domain', 'example.internal']);
  await ask(['agent', 'add', 'tour', ...foreignUnlock, '--owner', 'x', '--purpose', 'x']);
  await ask(['cert', 'issue', 'tour', '--kind', 'agent', '--out', join(folder, 'foreign'), ...foreignUnlock]);
  const stranger = await rawInitialize(url, { ca, ...held(join(folder, 'foreign')) });
  say.fact(`with another authority's certificate for the same name: ${stranger.failure ?? stranger.status}`);
  say.check('another authority, no connection', stranger.status === null);

  // 6 Revocation.
  say.step('Revocation: a stolen certificate dies while it is in use');
  const issued = await ask<{ serial: string }>([
    'cert',
    'issue',
    'thief',
    '--kind',
    'agent',
    '--out',
    join(folder, 'thief'),
    '--folder',
    data,
  ]);
  const thief = { ca, ...held(join(folder, 'thief')) };
  const session = await openRawSession(url, thief);
  say.check('before: the session answers and its live stream is open', (await session.ping()).status === 200);
  const admin = { ca, ...held(join(data, 'admin')) };
  const began = performance.now();
  const cutAfter = session.streamCut.then(() => performance.now() - began);
  const order = post(
    `${listening.authority}/v1/admin/certificate.revoke`,
    admin,
    false,
    { serial: issued.serial, reason: 'stolen' },
    {},
  );
  let answer = await session.ping();
  while (answer.status === 200 && performance.now() - began < 5_000) answer = await session.ping();
  const refusedAfter = performance.now() - began;
  say.fact(`revoked by the administrator: HTTP ${(await order).status}`);
  say.fact(
    `from the order to the first refusal: ${refusedAfter.toFixed(0)} ms (${answer.failure ?? answer.status})`,
  );
  say.fact(`from the order to the end of the live stream: ${(await cutAfter).toFixed(0)} ms`);
  say.check('refused within a second', answer.status !== 200 && refusedAfter < 1_000);
  say.check('the live stream was cut within a second', (await cutAfter) < 1_000);
  const again = await rawInitialize(url, thief);
  say.fact(`a new connection: ${again.failure ?? `HTTP ${again.status} ${again.body}`}`);
  say.check('a new connection is refused too', again.status === null || again.status === 403);
  session.close();

  // 7 The log.
  say.step('The log proves it');
  const log = join(data, 'gateway-log');
  const verified = await ask<{ ok: boolean; entries: number }>(['audit', 'verify', log]);
  say.fact(`${verified.entries} entries, hash-linked, under a signed checkpoint`);
  say.check('the log verifies', verified.ok);
  const copy = join(folder, 'forged-log');
  cpSync(log, copy, { recursive: true });
  flipOneByte(copy);
  const forged = await countersign(['audit', 'verify', copy]);
  say.fact(`a copy with one byte changed: ${(forged.stdout + forged.stderr).trim().split('\n').at(0)}`);
  say.check('the forgery is found', forged.code !== 0);

  say.summary();
  if (options.exit) {
    process.exitCode = say.failures === 0 ? 0 : 1;
  } else {
    const servers = Object.fromEntries(
      ['everything', 'files'].map((server) => [
        server,
        { command: bridgeTo(server).command, args: bridgeTo(server).args },
      ]),
    );
    say.configuration(JSON.stringify({ mcpServers: servers }, null, 2));
    await new Promise<void>((done) => {
      process.once('SIGINT', done).once('SIGTERM', done);
    });
  }
} finally {
  await end(running);
  if (!options.folder) rmSync(folder, { recursive: true, force: true });
}

function held(place: string): { readonly cert: string; readonly key: string } {
  return {
    cert: readFileSync(join(place, 'certificate.pem'), 'utf8'),
    key: readFileSync(join(place, 'key.pem'), 'utf8'),
  };
}

/** Changes one letter of a record in the middle of the log. */
function flipOneByte(log: string): void {
  const segment = readdirSync(log).find((name) => name.endsWith('.jsonl') && name.startsWith('log-'));
  if (!segment) throw new Error(`no segment in ${log}`);
  const path = join(log, segment);
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
