import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { equalBytes, sha256, toHex, utf8 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { syncFolder, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { randomId } from '../../kernel/random.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { markRestored } from './after-restore.ts';
import { rootKeyFile } from './issuers-disk.ts';
import { createRedactor } from '../../secrets/redact.ts';
import { openState, type StateWorld } from './open-state.ts';
import { readIssuers, writeIssuers } from './issuers-file.ts';
import { referenceIn } from './signing-key-file.ts';

/** What was copied where. */
export type Copied = {
  readonly target: string;
  readonly files: number;
  /** References to keys that live elsewhere, so that the copy does not hold them. */
  readonly heldKeys: readonly string[];
};

const manifestName = 'backup.json';
/**
 * Locks and notes of the running process; the database, which is copied through SQLite, and where it is if that is elsewhere:
 * the copy holds the state itself; what is left of one that was moved; and the first administrator's key, which is not
 * encrypted and good for a day.
 */
const leftOut = new Set([
  'lock',
  'lock.db',
  'lock.db-journal',
  'running.json',
  'restored.json',
  'state.db',
  'state.db-wal',
  'state.db-shm',
  'state.db.moved',
  'store.yaml',
  'admin',
]);

/**
 * Copies an authority to a new folder, also while it runs: the database as one consistent state first, then the files,
 * whose logs may only be newer than it. A manifest with every file's hash is written last.
 * Throws Fault `authority_missing`, `conflict`, or `invalid_input` for a target inside.
 */
export async function backUp(data: DataFolder, target: string, clock: Clock): Promise<Copied> {
  await requireMarker(data.folder);
  requireApart(data.folder, target);
  await requireAbsent(target);
  const staging = `${target}.${randomId()}.partial`;
  await mkdir(staging, { recursive: true, mode: 0o700 });
  try {
    await copyWhileSteady(data, staging, clock);
    const files = await hashTree(staging);
    await writeDurably(
      join(staging, manifestName),
      JSON.stringify({ format: 1, madeAt: clock.now(), files }),
    );
    await rename(staging, target);
    await syncFolder(dirname(target));
    return { target, files: Object.keys(files).length, heldKeys: await heldKeysIn(dataFolder(target)) };
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

/** A step of a rotation changes files that belong together: a copy that one came into is made again. */
async function copyWhileSteady(data: DataFolder, staging: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const before = writeIssuers(await readIssuers(data));
    {
      await using store = await openState(data, worldOf(clock), 'refuse');
      await store.copyTo(dataFolder(staging).database);
      await copyTree(data.folder, staging);
    }
    if (equalBytes(before, writeIssuers(await readIssuers(data)))) return;
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { mode: 0o700 });
  }
  throw new Fault('conflict', 'A rotation was under way while the copy was made. Try again.');
}

/** What a state elsewhere is reached with. */
function worldOf(clock: Clock): StateWorld {
  return { clock, environment: process.env, redactor: createRedactor(clock), log: () => undefined };
}

/**
 * Makes a data folder from a backup, checking every file against the manifest first, and marks it: the log says at the next
 * opening that it was restored.
 * Throws Fault `not_found`, `state_damaged`, `authority_exists`.
 */
export async function restore(
  source: string,
  data: DataFolder,
  clock: Clock,
): Promise<Copied & { readonly madeAt: number }> {
  requireApart(source, data.folder);
  const { files, madeAt } = await readManifest(source);
  const found = await hashTree(source);
  for (const name of new Set([...Object.keys(files), ...Object.keys(found)])) {
    if (found[name] !== files[name]) {
      throw new Fault(
        'state_damaged',
        `${join(source, name)} is missing, was added, or is not what was backed up. Use another backup.`,
      );
    }
  }
  await requireAbsent(data.folder, 'authority_exists');
  const staging = `${data.folder}.${randomId()}.partial`;
  try {
    await cp(source, staging, { recursive: true, errorOnExist: true, preserveTimestamps: true });
    await rm(join(staging, manifestName));
    await markRestored(dataFolder(staging), { madeAt, restoredAt: clock.now() });
    await chmod(staging, 0o700);
    // Only an empty folder makes room: whatever another process puts there meanwhile stays.
    await rmdir(data.folder).catch(ignoreMissing);
    await rename(staging, data.folder);
    await syncFolder(dirname(data.folder));
    const count = Object.keys(files).length;
    return { target: data.folder, files: count, heldKeys: await heldKeysIn(data), madeAt };
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

async function heldKeysIn(data: DataFolder): Promise<readonly string[]> {
  const { issuing, next, retiring } = await readIssuers(data);
  const files = await Promise.all(
    [data.rootKey, rootKeyFile(data, issuing.root), data.intermediateKey].map((file) =>
      readFile(file).catch(() => new Uint8Array()),
    ),
  );
  const kept = [issuing, next, retiring].flatMap((one) => (one?.key ? [utf8(JSON.stringify(one.key))] : []));
  return [...new Set([...files, ...kept].flatMap((octets) => referenceIn(octets) ?? []))];
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

async function requireMarker(folder: string): Promise<void> {
  const names = await namesIn(folder);
  if (!names?.includes('authority.json')) {
    throw new Fault('authority_missing', `There is no authority in ${folder}. Give --folder another one.`);
  }
}

/** A folder is not copied into itself. */
function requireApart(source: string, target: string): void {
  const down = relative(source, target);
  if (down.startsWith('..')) return;
  throw new Fault('invalid_input', `${target} lies in ${source}, or is it. Choose a folder elsewhere.`);
}

async function requireAbsent(
  folder: string,
  code: 'conflict' | 'authority_exists' = 'conflict',
): Promise<void> {
  const names = await namesIn(folder);
  if (names === null || names.length > 0) {
    throw new Fault(code, `${folder} exists and is not an empty folder. Choose another one.`);
  }
}

/** What a folder holds; nothing when it does not exist, null when it is no folder. */
async function namesIn(folder: string): Promise<readonly string[] | null> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') return null;
    throw error;
  }
}

/**
 * Copies in the order of names: a log's checkpoints before its entries, so that the copy of a log at work holds every
 * entry that its checkpoints cover.
 */
async function copyTree(from: string, to: string): Promise<void> {
  for (const name of (await readdir(from)).sort()) {
    if (leftOut.has(name)) continue;
    const [source, target] = [join(from, name), join(to, name)];
    // What a link leads to is copied: policies may be kept elsewhere.
    if ((await stat(source)).isDirectory()) {
      await mkdir(target, { mode: 0o700 });
      await copyTree(source, target);
    } else {
      await cp(source, target, { preserveTimestamps: true, dereference: true });
    }
  }
}

async function hashTree(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    const status = await lstat(path);
    if (name === manifestName || status.isDirectory()) continue;
    // A link could lead anywhere by the time it is followed.
    files[relative(folder, path)] = status.isFile() ? toHex(sha256(await readFile(path))) : 'not a file';
  }
  return files;
}

interface Manifest {
  readonly files: Record<string, string>;
  /** Epoch milliseconds. */
  readonly madeAt: number;
}

async function readManifest(source: string): Promise<Manifest> {
  const text = await readFile(join(source, manifestName)).catch((cause: unknown) => {
    throw new Fault('not_found', `${source} holds no whole backup: ${manifestName} is missing.`, { cause });
  });
  const manifest = readJson(text, join(source, manifestName));
  if (!isJsonObject(manifest) || manifest['format'] !== 1 || !isJsonObject(manifest['files'])) {
    throw new Fault(
      'state_damaged',
      `${join(source, manifestName)} is not a manifest that this version knows.`,
    );
  }
  return { files: manifest['files'] as Record<string, string>, madeAt: Number(manifest['madeAt']) };
}

function readJson(text: Uint8Array, place: string): Json {
  try {
    return parseJson(text, { depth: 4, values: 1_000_000 });
  } catch (cause) {
    throw new Fault('state_damaged', `${place} is damaged. Use another backup.`, { cause });
  }
}
