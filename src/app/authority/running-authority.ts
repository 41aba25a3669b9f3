import { rm } from 'node:fs/promises';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { readPrivateFile, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { lockFolder } from '../store/folder-lock.ts';
import type { DataFolder } from './data-folder.ts';

/** Where the authority that holds a data folder answers, for commands run beside it. */
export interface RunningAuthority {
  readonly pid: number;
  /** URL of the `authority` listener. */
  readonly authority: string;
}

/** Takes the data folder for this process. Throws Fault `state_locked`. */
export function holdDataFolder(data: DataFolder): Disposable {
  return lockFolder(data.lock, data.folder);
}

/** Tells commands where this process answers; the note is removed when disposed. */
export async function announce(data: DataFolder, running: RunningAuthority): Promise<AsyncDisposable> {
  await writeDurably(data.running, JSON.stringify(running));
  return {
    async [Symbol.asyncDispose]() {
      await rm(data.running, { force: true });
    },
  };
}

/** The announced authority, or null. The note of a process that was killed may remain; the lock decides. */
export async function findRunning(data: DataFolder): Promise<RunningAuthority | null> {
  try {
    const value = parseJson(await readPrivateFile(data.running));
    if (!isJsonObject(value)) return null;
    const { pid, authority } = value;
    return typeof pid === 'number' && typeof authority === 'string' ? { pid, authority } : null;
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  }
}
