import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type DataFolder, dataFolder } from '../../src/app/authority/data-folder.ts';
import { openAuthority } from '../../src/app/authority/open-authority.ts';
import { createAuthority } from '../../src/ca/create-authority.ts';
import { writeKeyFile } from '../../src/ca/key-file.ts';
import { pemOfCertificate } from '../../src/ca/pem-of-certificate.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown } from './deployment.ts';
import { runHere, start } from './program.ts';

let root: string;
let whole: string;
let passphrase: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'countersign-damaged-'));
  whole = join(root, 'whole');
  await using town = await openTown();
  passphrase = town.passphrase;
  await town.addAgent('ci-bot');
  await town.issue('ci-bot');
  await town.deployment[Symbol.asyncDispose]();
  await cp(town.data.folder, whole, { recursive: true });
  await rm(join(whole, 'running.json'), { force: true });
});
after(() => rm(root, { recursive: true, force: true }));

let copies = 0;

async function copy(): Promise<DataFolder> {
  const folder = join(root, `copy-${++copies}`);
  await cp(whole, folder, { recursive: true });
  return dataFolder(folder);
}

async function open(data: DataFolder): Promise<void> {
  await using _authority = await openAuthority({
    data,
    passphrase: async () => passphrase,
    clock: systemClock,
    log: () => undefined,
  });
}

async function faultOf(data: DataFolder): Promise<Fault> {
  const fault = await open(data).then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(fault instanceof Fault, `opened, or failed otherwise: ${String(fault)}`);
  return fault;
}

const damages: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'that is gone': (path) => rm(path),
  'that is empty': (path) => truncate(path, 0),
  'that is half written': async (path) => await truncate(path, Math.floor((await stat(path)).size / 2)),
  'with an octet changed': async (path) => {
    const octets = await readFile(path);
    const at = Math.floor(octets.length * 0.6);
    octets[at] = (octets[at] ?? 0) ^ 0x20;
    await writeFile(path, octets);
  },
  'of other octets': (path) => writeFile(path, Buffer.alloc(4_096, 0xa5)),
  'that is a folder': async (path) => {
    await rm(path);
    await mkdir(path);
  },
};

const files: readonly (keyof DataFolder)[] = [
  'marker',
  'rootCertificate',
  'intermediateCertificate',
  'intermediateKey',
  'auditKey',
  'database',
];

for (const file of files) {
  for (const [what, damage] of Object.entries(damages)) {
    // One changed octet of the database may lie where nothing is.
    if (file === 'database' && what === 'with an octet changed') continue;
    test(`bad input: an authority with ${file} ${what} says so, does not start and changes nothing`, async () => {
      const data = await copy();
      await damage(data[file]);
      const before = await hashes(data.folder);
      const { code, message } = await faultOf(data);
      const expected = file === 'marker' && what === 'that is gone' ? 'authority_missing' : 'state_damaged';
      assert.ok(code === expected || (file === 'marker' && code === 'state_newer'), `${code}: ${message}`);
      assert.ok(message.includes(code === 'authority_missing' ? data.folder : data[file]), message);
      assert.deepEqual(await hashes(data.folder), before);
    });
  }
}

test('bad input: an authority whose log is gone or cut does not begin a new one unnoticed', async () => {
  const gone = await copy();
  await rm(gone.authorityLog, { recursive: true });
  const lost = await faultOf(gone);
  assert.deepEqual([lost.code, lost.message.includes(gone.authorityLog)], ['state_damaged', true]);
  // The way out that the message names, taken knowingly.
  await mkdir(gone.authorityLog);
  await open(gone);

  const cut = await copy();
  const segment = join(cut.authorityLog, 'log-00000000000000000000.jsonl');
  await truncate(segment, (await readFile(segment)).indexOf('\n') + 1);
  const broken = await faultOf(cut);
  assert.deepEqual([broken.code, broken.message.includes(cut.authorityLog)], ['audit_broken', true]);
});

test('I1 a root that did not sign the intermediate is not believed, whoever put it there', async () => {
  const data = await copy();
  const other = createAuthority({ trustDomain: 'example.internal', clock: systemClock });
  await writeFile(data.rootCertificate, pemOfCertificate(other.rootCertificate.der));
  assert.equal((await faultOf(data)).code, 'state_damaged');
  // Not either with the whole of another authority but its sealed key.
  await writeFile(data.intermediateCertificate, pemOfCertificate(other.intermediateCertificate.der));
  const { code, message } = await faultOf(data);
  assert.equal(code, 'state_damaged');
  assert.match(message, /is not the key of/);
  await rm(data.intermediateKey);
  await writeKeyFile(data.intermediateKey, other.intermediateKey, 'a passphrase of somebody else', 2);
  assert.equal((await faultOf(data)).code, 'passphrase_wrong');
});

test('I1 everything secret is 0600 in a folder 0700, and an authority with a wider mode does not start', async () => {
  const data = await copy();
  assert.equal((await stat(whole)).mode & 0o777, 0o700);
  const secret: readonly string[] = [
    data.marker,
    data.intermediateKey,
    data.auditKey,
    data.database,
    join(data.admin, 'key.pem'),
    data.rootKey,
  ];
  for (const path of secret) assert.equal((await stat(path)).mode & 0o777, 0o600, path);
  for (const path of [data.marker, data.intermediateKey, data.auditKey, data.database]) {
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await chmod(path, mode);
      const { code, message } = await faultOf(data);
      assert.equal(code, 'file_mode');
      assert.ok(message.includes(`chmod 600 ${path}`), message);
    }
    await chmod(path, 0o600);
  }
  await open(data);
});

test('I1 the key of the root is never opened by the running authority: it works without', async () => {
  const data = await copy();
  await rm(data.rootKey);
  await open(data);
});

test('bad input: a clock behind what was recorded is told with both times, and nothing is issued', async () => {
  const data = await copy();
  const passphraseFile = join(root, 'passphrase-of-clock');
  await writeFile(passphraseFile, passphrase, { mode: 0o600 });
  const behind = { ...systemClock, now: () => Date.now() - 3_600_000 };
  const words = ['--folder', data.folder, '--passphrase-file', passphraseFile];
  const before = await hashes(data.folder);
  const late = await runHere(['cert', 'issue', 'ci-bot', '--out', join(root, 'late'), ...words], behind);
  assert.equal(late.code, 3);
  assert.match(late.stderr, /clock says \d{4}-.* changed at \d{4}-.* Set the clock.* \[clock_behind\]/);
  assert.deepEqual(await hashes(data.folder), before);
});

test('bad input: a port that is taken, and a folder that is in use, are told with what to do and exit code 5', async () => {
  const first = await copy();
  const passphraseFile = join(root, 'passphrase');
  await writeFile(passphraseFile, passphrase, { mode: 0o600 });
  await using up = await start([
    'authority',
    '--folder',
    first.folder,
    '--ports',
    'any',
    '--passphrase-file',
    passphraseFile,
  ]);
  const port = new URL(up.first.listening['authority'] ?? '').port;

  const second = await copy();
  const authority = ['authority', '--folder', second.folder, '--passphrase-file', passphraseFile];
  const taken = await runHere([...authority, '--set', `listeners.authority.port=${port}`]);
  assert.equal(taken.code, 5);
  assert.match(
    taken.stderr,
    new RegExp(`127\\.0\\.0\\.1:${port} is in use .* choose another port.* \\[port_taken\\]`),
  );
  // Nothing of the attempt stays: the folder can be used at once.
  await open(second);

  const held = await runHere(['authority', '--folder', first.folder, '--passphrase-file', passphraseFile]);
  assert.equal(held.code, 5);
  assert.match(held.stderr, /\[state_locked\]/);
});

/** Of every file but the lock, which is taken before anything is read. */
async function hashes(folder: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (name.startsWith('lock.db') || name.endsWith('-shm') || name.endsWith('-wal')) continue;
    const path = join(folder, name);
    const status = await stat(path);
    found[name] = status.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : 'folder';
  }
  return found;
}
