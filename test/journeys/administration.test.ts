import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTown, type Presentable, type Town } from './deployment.ts';
import { type Ended, runHere } from './program.ts';

interface Place extends AsyncDisposable {
  readonly town: Town;
  readonly folder: string;
  /** Runs a command at the authority over mutual TLS; nothing of its data folder is at hand. */
  remotely(...words: readonly string[]): Promise<Ended>;
  /** The same with `--json`; it must succeed. */
  answerOf(...words: readonly string[]): Promise<Record<string, unknown>>;
}

async function openPlace(): Promise<Place> {
  const town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-admin-'));
  const admin = await keep(join(folder, 'admin'), await town.issue('operator', 'admin'));
  const remotely = (...words: readonly string[]): Promise<Ended> => {
    const end = words.includes('--') ? words.indexOf('--') : words.length;
    const where = ['--authority', town.authorityUrl, '--admin', admin];
    return runHere([...words.slice(0, end), ...where, ...words.slice(end)]);
  };
  return {
    town,
    folder,
    remotely,
    async answerOf(...words) {
      const end = words.includes('--') ? words.indexOf('--') : words.length;
      const { code, stdout, stderr } = await remotely(...words.slice(0, end), '--json', ...words.slice(end));
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    async [Symbol.asyncDispose]() {
      await town[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Writes an identity as `cert issue` does. */
async function keep(folder: string, shown: Presentable): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'certificate.pem'), shown.cert);
  await writeFile(join(folder, 'key.pem'), shown.key, { mode: 0o600 });
  await writeFile(join(folder, 'roots.pem'), shown.ca);
  return folder;
}

test('U9 everything is administered from elsewhere with an admin certificate over mutual TLS, without a passphrase', async () => {
  await using place = await openPlace();
  const { answerOf, town } = place;
  const out = join(place.folder, 'issued');

  await answerOf('agent', 'add', 'ci-bot', '--owner', 'o', '--purpose', 'p', '--role', 'guest');
  const agents = (await answerOf('agent', 'list')) as unknown as { name: string; roles: string[] }[];
  assert.deepEqual(
    agents.map(({ name, roles }) => [name, roles]),
    [['ci-bot', ['guest']]],
  );
  const issued = await answerOf('cert', 'issue', 'ci-bot', '--life', '30m', '--out', out);
  const serial = String(issued['serial']);
  assert.equal(issued['spiffeId'], 'spiffe://example.internal/agent/ci-bot');
  assert.ok(!('key' in issued) && !('certificate' in issued), 'no key on standard output');
  const shown = await answerOf('agent', 'show', 'ci-bot');
  assert.deepEqual(
    (shown['certificates'] as { serial: string }[]).map((one) => one.serial),
    [serial],
  );
  assert.equal((await answerOf('cert', 'show', serial))['state'], 'issued');
  const listed = (await answerOf('cert', 'list', '--name', 'ci-bot')) as unknown as unknown[];
  assert.equal(listed.length, 1);
  await answerOf('agent', 'suspend', 'ci-bot', '--reason', 'r');
  assert.equal((await answerOf('agent', 'resume', 'ci-bot', '--reason', 'r'))['state'], 'active');
  const token = await answerOf('join-token', 'create', 'ci-bot', '--life', '5m');
  assert.match(String(token['token']), /^cst_/);
  assert.deepEqual(await answerOf('cert', 'revoke', serial, '--reason', 'r'), { revoked: [serial] });
  assert.equal((await answerOf('agent', 'retire', 'ci-bot', '--reason', 'r'))['state'], 'retired');
  await answerOf('server', 'add', 'files', '--', 'node', 'server.js');
  assert.equal((await answerOf('server', 'show', 'files'))['transport'], 'stdio');
  assert.equal(((await answerOf('server', 'list')) as unknown as unknown[]).length, 1);
  assert.deepEqual(await answerOf('server', 'remove', 'files'), { removed: 'files' });

  await town.deployment.authority.audit.checkpoint();
  const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
  const commands = log
    .split('\n')
    .filter((line) => line.includes('"admin.command"'))
    .map((line) => (JSON.parse(line) as { event: Record<string, string> }).event);
  assert.ok(commands.every(({ actor, way }) => actor === 'operator' && way === 'remote'));
  assert.deepEqual(commands.map(({ command }) => command).slice(0, 3), [
    'agent.add',
    'certificate.issue',
    'agent.suspend',
  ]);
});

test('U9 an order that cannot be carried out elsewhere ends with the code and the text of the authority', async () => {
  await using place = await openPlace();
  const { folder, town } = place;
  const unknown = await place.remotely('agent', 'show', 'nobody', '--json');
  assert.equal(unknown.code, 4);
  assert.equal((JSON.parse(unknown.stderr) as { error: { code: string } }).error.code, 'not_found');
  const tooLong = ['cert', 'issue', 'files', '--kind', 'server', '--life', '9d'];
  const wrong = await place.remotely(...tooLong, '--out', join(folder, 'x'));
  assert.equal(wrong.code, 2, wrong.stderr);

  await town.addAgent('ci-bot');
  const agent = await keep(join(folder, 'agent'), await town.issue('ci-bot'));
  const refused = await runHere(['agent', 'list', '--authority', town.authorityUrl, '--admin', agent]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /not of kind admin/);
  const revoked = await town.issue('gone', 'admin');
  await town.deployment.authority.revoke({ serial: revoked.serial, reason: 'r' }, 'test');
  const gone = await keep(join(folder, 'gone'), revoked);
  const dead = await runHere(['agent', 'list', '--authority', town.authorityUrl, '--admin', gone]);
  assert.equal(dead.code, 3);
  assert.match(dead.stderr, /certificate_revoked/);

  // Trap: refusals missing from the audit.
  await town.deployment.authority.audit.checkpoint();
  const tail = ['audit', 'tail', town.data.authorityLog, '--refused', '--json'];
  const entries = JSON.parse((await runHere(tail)).stdout) as { event: Record<string, string> }[];
  const codes = entries
    .filter(({ event }) => event['type'] === 'admin.command')
    .map(({ event }) => event['code']);
  assert.deepEqual(codes, ['certificate_profile', 'certificate_revoked']);
});

test('I6 certificates of every kind that lives in a folder are renewed over mutual TLS with a new key, servers too', async () => {
  await using place = await openPlace();
  const { folder, town } = place;
  await town.addAgent('ci-bot');
  for (const [name, kind] of [
    ['ci-bot', 'agent'],
    ['files', 'server'],
    ['edge', 'gateway'],
    ['second', 'admin'],
  ] as const) {
    const at = join(folder, name);
    await place.answerOf('cert', 'issue', name, '--kind', kind, '--out', at);
    const before = await readFile(join(at, 'key.pem'), 'utf8');
    const renewed = await runHere(['cert', 'renew', at, '--authority', town.authorityUrl, '--json']);
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.notEqual(await readFile(join(at, 'key.pem'), 'utf8'), before);
    const { serial } = JSON.parse(renewed.stdout) as { serial: string };
    const record = await town.deployment.authority.store.certificates.find(serial);
    assert.deepEqual([record?.name, record?.kind, record?.door], [name, kind, 'renewal']);
    const again = await runHere(['cert', 'renew', at, '--authority', town.authorityUrl]);
    assert.equal(again.code, 0, again.stderr);
  }
  await town.deployment.authority.revoke({ name: 'files', reason: 'r' }, 'test');
  const dead = await runHere(['cert', 'renew', join(folder, 'files'), '--authority', town.authorityUrl]);
  assert.equal(dead.code, 3);
  assert.match(dead.stderr, /certificate_revoked/);
  await town.deployment.authority.changeAgentState('ci-bot', 'retired', 'r');
  const retired = await runHere(['cert', 'renew', join(folder, 'ci-bot'), '--authority', town.authorityUrl]);
  assert.match(retired.stderr, /certificate_revoked/, 'retiring revokes');
});
