import { createPrivateKey } from 'node:crypto';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { readPrivateFile, syncFolder, writeDurably } from '../kernel/durable-file.ts';
import { Fault } from '../kernel/fault.ts';
import { readCertificate } from '../x509/certificate.ts';
import { decodePem } from '../x509/pem.ts';
import { belongsTo, type Credentials, readCredentials } from './credentials.ts';
import { lockFolder } from './folder-lock.ts';

/**
 * Where one agent's key, certificate and roots lie: a folder 0700 with files 0600. A certificate and its key are never
 * seen apart: the new key waits under another name until its certificate is in place.
 */
export interface KeyStore {
  readonly folder: string;
  /** null when nothing was stored. Throws Fault `file_mode`, `state_damaged`, `malformed_pem`. */
  load(): Promise<Credentials | null>;
  /** Changes whenever a file is replaced. */
  version(): Promise<string>;
  /** Keeps a new key beside the one in use. */
  prepare(key: string): Promise<void>;
  /** The key that was kept last and has no certificate yet, or null. */
  prepared(): Promise<string | null>;
  /** Puts the certificate of the prepared key in place, and with it the key. */
  commit(certificate: string, roots: string): Promise<void>;
  /** Trusts other roots from now on. */
  trust(roots: string): Promise<void>;
  /** Throws Fault `state_locked`, also when the signal is aborted while it waits. */
  lock(signal?: AbortSignal): Promise<AsyncDisposable>;
}

export function createKeyStore(folder: string, clock: Clock): KeyStore {
  const path = {
    key: join(folder, 'key.pem'),
    nextKey: join(folder, 'next-key.pem'),
    certificate: join(folder, 'certificate.pem'),
    roots: join(folder, 'root.pem'),
    lock: join(folder, 'lock'),
  };

  const loadOnce = async (): Promise<Credentials | null> => {
    const certificate = await readText(path.certificate);
    const roots = await readText(path.roots);
    if (certificate === null || roots === null) return null;
    for (const name of [path.key, path.nextKey]) {
      const key = await readText(name);
      if (key !== null && matches(certificate, key))
        return readCredentials({ certificate, key, roots }, folder);
    }
    throw new Fault(
      'state_damaged',
      `The certificate in ${folder} has no key beside it. Remove the folder and enrol again with a new join token.`,
    );
  };

  return {
    folder,
    async load() {
      try {
        return await loadOnce();
      } catch (error) {
        // Another bridge may have replaced the files between two reads.
        if (error instanceof Fault && error.code === 'state_damaged') return await loadOnce();
        throw error;
      }
    },
    version: () => fileVersion([path.certificate, path.key, path.roots]),
    async prepare(key) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeDurably(path.nextKey, key);
    },
    prepared: () => readText(path.nextKey),
    async commit(certificate, roots) {
      await writeDurably(path.roots, roots);
      // From here on the prepared key is the one in use, under either of its names.
      await writeDurably(path.certificate, certificate);
      await rename(path.nextKey, path.key);
      await syncFolder(folder);
    },
    trust: (roots) => writeDurably(path.roots, roots),
    async lock(signal) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const lock = await lockFolder(path.lock, clock, signal);
      try {
        await finishCommit();
        return lock;
      } catch (error) {
        await lock[Symbol.asyncDispose]();
        throw error;
      }
    },
  };

  /** A bridge may have ended between the certificate and the name of its key; a new key must not replace that one. */
  async function finishCommit(): Promise<void> {
    const certificate = await readText(path.certificate);
    const next = await readText(path.nextKey);
    if (certificate === null || next === null || !matches(certificate, next)) return;
    await rename(path.nextKey, path.key);
    await syncFolder(folder);
  }
}

/** The identity of files on disk; changes when one is replaced, appears or goes. */
export async function fileVersion(paths: readonly string[]): Promise<string> {
  const states = await Promise.all(paths.map((path) => stat(path, { bigint: true }).catch(() => null)));
  return states.map((state) => (state ? `${state.ino}.${state.mtimeNs}.${state.size}` : '-')).join();
}

async function readText(path: string): Promise<string | null> {
  try {
    return Buffer.from(await readPrivateFile(path)).toString('utf8');
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  }
}

function matches(certificate: string, key: string): boolean {
  const [der] = decodePem(certificate, 'CERTIFICATE');
  try {
    return der !== undefined && belongsTo(readCertificate(der), createPrivateKey(key));
  } catch {
    return false;
  }
}
