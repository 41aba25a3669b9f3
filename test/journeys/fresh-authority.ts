import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataFolder, dataFolder } from '../../src/app/authority/data-folder.ts';
import { initAuthority } from '../../src/app/authority/init-authority.ts';
import { readKeyFile, writeKeyFile } from '../../src/ca/key-file.ts';
import { systemClock } from '../../src/kernel/clock.ts';

export const passphrase = 'a passphrase of the test';

/** Where the processes of one test run find the authority that was made for all of them. */
const variable = 'COUNTERSIGN_TEST_AUTHORITY';
/** Where they find the program, put together. */
export const builtProgramVariable = 'COUNTERSIGN_TEST_PROGRAM';
let own: Promise<string> | null = null;

/**
 * The data folder of an authority that nobody has used, to be copied. One is made for a whole run (`--test-global-setup`), or
 * for a process that runs by itself: sealing keys is slow on purpose.
 */
export function freshAuthority(): Promise<string> {
  const shared = process.env[variable];
  if (shared !== undefined) return Promise.resolve(shared);
  own ??= make();
  return own;
}

/** Run by the test runner before all files. */
export async function globalSetup(): Promise<void> {
  [process.env[variable], process.env[builtProgramVariable]] = await Promise.all([make(), build()]);
}

/** Beside the packages that it imports. */
async function build(): Promise<string> {
  const folder = await mkdtemp(join(import.meta.dirname, '../../node_modules/.countersign-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { bundle } = await import('../../scripts/bundle.ts');
  await bundle(folder);
  return join(folder, 'main.js');
}

/** A new one of another trust domain. */
export function authorityOf(trustDomain: string): Promise<string> {
  return make(trustDomain);
}

async function make(trustDomain = 'example.internal'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-fresh-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const data = dataFolder(join(folder, 'authority'));
  await initAuthority({
    data,
    trustDomain,
    organization: 'Test',
    dnsDomains: [],
    rootKeyFile: data.rootKey,
    imported: null,
    keys: { root: null, intermediate: null },
    environment: {},
    passphrase: async () => passphrase,
    clock: systemClock,
  });
  await sealCheaply(data);
  return data.folder;
}

/** Opening a key costs half a second on purpose; here it is done for every town. */
async function sealCheaply(data: DataFolder): Promise<void> {
  for (const file of [data.intermediateKey, data.auditKey]) {
    await writeKeyFile(file, await readKeyFile(file, passphrase), passphrase, 2);
  }
}
