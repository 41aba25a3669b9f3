import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject } from '../kernel/canonical-json.ts';
import { sha256, toHex } from '../kernel/bytes.ts';
import { writeDurably } from '../kernel/durable-file.ts';
import { Fault } from '../kernel/fault.ts';
import type { WitnessedHead, WitnessRecords } from './witness.ts';

/** What a witness remembers, one file for each log. */
export function witnessFolder(folder: string): WitnessRecords {
  // An origin is anything; its hash is a name of a file.
  const fileOf = (origin: string): string => join(folder, `head-${toHex(sha256(origin)).slice(0, 32)}.json`);
  return {
    async latest(origin) {
      const path = fileOf(origin);
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
        throw damaged(path, cause);
      }
      const head = readHead(text);
      // Taken for a log that was never seen, it would let anything be signed.
      if (head?.origin !== origin) throw damaged(path);
      return head;
    },
    async replace(origin, _before, head) {
      // One process has the folder, and a witness answers one request after the other.
      await writeDurably(fileOf(origin), `${headText(origin, head)}\n`);
      return true;
    },
  };
}

/** A head as text, which `readHead` reads. */
export function headText(origin: string, { size, root, note }: WitnessedHead): string {
  return JSON.stringify({ origin, size, root, note });
}

/** Reads a head back; null when it is none. */
export function readHead(text: string): (WitnessedHead & { readonly origin: string }) | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { origin, size, root, note } = isJsonObject(value) ? value : {};
  const whole =
    typeof origin === 'string' &&
    typeof size === 'number' &&
    Number.isSafeInteger(size) &&
    typeof root === 'string' &&
    typeof note === 'string';
  return whole ? { origin, size, root, note } : null;
}

function damaged(path: string, cause?: unknown): Fault {
  return new Fault(
    'state_damaged',
    `${path} does not say which head of the log was signed last, so that nothing of this log is signed. Restore it from a backup.`,
    { cause },
  );
}
