import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readKeyFile } from '../../src/ca/key-file.ts';
import { rawInitialize } from '../../tour/raw-request.ts';
import { type Ended, runHere, start } from './program.ts';

const passphrase = 'a passphrase of the test';
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';
let root: string;
let passphraseFile: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'countersign-init-'));
  passphraseFile = join(root, 'passphrase');
  await writeFile(passphraseFile, passphrase, { mode: 0o600 });
});
after(() => rm(root, { recursive: true, force: true }));

function init(folder: string, ...more: readonly string[]): Promise<Ended> {
  return runHere(['init', '--folder', folder, '--passphrase-file', passphraseFile, ...more, '--json']);
}

/** Runs a command on a folder whose authority is not running. */
async function on(folder: string, ...words: readonly string[]): Promise<void> {
  const { code, stderr } = await runHere([...words, '--folder', folder, '--passphrase-file', passphraseFile]);
  assert.equal(code, 0, stderr);
}

test('I1 init --root-offline keeps the root key in an encrypted file of its own, and the authority runs without it', async () => {
  const folder = join(root, 'offline');
  const file = join(root, 'safe', 'root-key.json');
  // An empty folder is as good as none, whatever its mode.
  await mkdir(folder, { mode: 0o755 });
  assert.equal((await init(folder, '--root-offline', '--root-key-out', file)).code, 0);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.ok(!(await readFile(file, 'utf8')).includes('PRIVATE KEY'));
  const certificate = new X509Certificate(await readFile(join(folder, 'root.pem')));
  const key = await readKeyFile(file, passphrase);
  assert.ok(createPublicKey(key).equals(certificate.publicKey));
  assert.ok(!(await readdir(folder)).some((name) => name.startsWith('root-key')));
  await assert.rejects(readKeyFile(file, 'another passphrase'), { code: 'passphrase_wrong' });

  await rm(file);
  await on(folder, 'agent', 'add', 'ci-bot', '--owner', 'o', '--purpose', 'p');
  await on(folder, 'cert', 'issue', 'ci-bot', '--out', join(root, 'offline-agent'));
});

test('I1 of two inits of one folder at once exactly one makes an authority, and the other leaves nothing', async () => {
  const folder = join(root, 'raced');
  const keys = [join(root, 'first.json'), join(root, 'second.json')];
  const ended = await Promise.all(keys.map((key) => init(folder, '--root-offline', '--root-key-out', key)));
  const codes = ended.map(({ code }) => code);
  assert.deepEqual(
    codes.toSorted((a, b) => Number(a) - Number(b)),
    [0, 3],
    ended.map(({ stderr }) => stderr).join(),
  );
  const [loser] = ended.filter(({ code }) => code === 3);
  assert.match(loser?.stderr ?? '', /authority_exists/);
  const certificate = new X509Certificate(await readFile(join(folder, 'root.pem')));
  const kept = keys[codes.indexOf(0)] ?? '';
  assert.ok(createPublicKey(await readKeyFile(kept, passphrase)).equals(certificate.publicKey));
  const left = await readdir(root);
  assert.ok(!left.includes(codes[0] === 0 ? 'second.json' : 'first.json'), 'the key of the other is gone');
  assert.ok(!left.some((name) => name.endsWith('.partial')));

  const before = await readFile(join(folder, 'authority.json'), 'utf8');
  assert.equal((await init(folder)).code, 3);
  assert.equal(await readFile(join(folder, 'authority.json'), 'utf8'), before);
});

test('I1 an init that fails half way leaves neither an authority nor a root key', async () => {
  const folder = join(root, 'no-folder', 'authority');
  await writeFile(join(root, 'no-folder'), 'a file where a folder should be');
  const key = join(root, 'orphan.json');
  const { code } = await init(folder, '--root-offline', '--root-key-out', key);
  assert.notEqual(code, 0);
  assert.ok(!(await readdir(root)).includes('orphan.json'));
});

test('I1 T1 an authority imported from plain openssl genrsa and req -x509 issues what its gateway lets in', {
  skip,
}, async () => {
  const [key, certificate] = [join(root, 'old-root.key'), join(root, 'old-root.pem')];
  const openssl = (...words: readonly string[]): Buffer => execFileSync('openssl', words, { stdio: 'pipe' });
  openssl('genrsa', '-out', key, '4096');
  openssl('req', '-x509', '-new', '-key', key, '-days', '3650', '-subj', '/CN=Old Root', '-out', certificate);
  const sealed = join(root, 'old-root-sealed.key');
  openssl('rsa', '-aes256', '-passout', 'pass:its own', '-in', key, '-out', sealed);

  const imported = ['--import-root', certificate, '--import-root-key', sealed];
  const refused = await init(join(root, 'import-refused'), ...imported);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /passphrase_required/);
  await writeFile(join(root, 'its-passphrase'), 'its own\n', { mode: 0o600 });
  const folder = join(root, 'imported');
  const made = await init(folder, ...imported, '--import-root-passphrase-file', join(root, 'its-passphrase'));
  assert.equal(made.code, 0, made.stderr);
  assert.ok(!(await readdir(folder)).includes('root-key.json'), 'the key was used and not copied');

  await on(folder, 'agent', 'add', 'ci-bot', '--owner', 'o', '--purpose', 'p');
  const agent = join(root, 'imported-agent');
  await on(folder, 'cert', 'issue', 'ci-bot', '--out', agent);
  const chain = ['-CAfile', certificate, '-untrusted', join(folder, 'intermediate.pem')];
  openssl('verify', '-purpose', 'sslclient', ...chain, join(agent, 'certificate.pem'));
  // Such a root has no key usage, which strict verifiers want; that is said when it is imported.
  assert.match((JSON.parse(made.stdout) as { notes: string[] }).notes.join(), /key usage/);
  await using up = await start([
    'up',
    '--folder',
    folder,
    '--ports',
    'any',
    '--passphrase-file',
    passphraseFile,
  ]);
  const answer = await rawInitialize(`${up.first.listening['agents']}/mcp/files`, {
    ca: await readFile(certificate, 'utf8'),
    cert: await readFile(join(agent, 'certificate.pem'), 'utf8'),
    key: await readFile(join(agent, 'key.pem'), 'utf8'),
  });
  // In, and then refused by policy: nothing is permitted yet.
  assert.equal(answer.status, 200, answer.failure ?? '');
  assert.match(answer.body, /"denied"/);
});
