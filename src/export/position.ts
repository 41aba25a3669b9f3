import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogPlace } from '../audit/placed-lines.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { writeDurably } from '../kernel/durable-file.ts';
import { Fault } from '../kernel/fault.ts';

/** How far a destination has taken a log. */
export interface Position {
  readonly origin: string;
  /** The first entry that was not acknowledged, and where it stands; null at the beginning of the log. */
  readonly place: LogPlace | null;
  /** The leaf of the entry before, base64url; null at the beginning. A log that has another one there is another log. */
  readonly previous: string | null;
  /** The last entry of the batch that is about to be sent; null when none is. */
  readonly sending: number | null;
}

/** The folder of the positions, inside the folder of a log. */
export const positionsFolder = 'exports';

/** Where the position of a destination is kept: beside the log, so that whoever takes a log away takes it along. */
export function positionFile(logFolder: string, destination: string): string {
  return join(logFolder, positionsFolder, `${destination}.json`);
}

/** The kept position, or null when the destination has taken nothing yet. Throws Fault `state_damaged`. */
export async function readPosition(path: string): Promise<Position | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw damaged(path, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, cause);
  }
  if (isPosition(value)) return value;
  throw damaged(path);
}

/** Keeps a position so that a crash leaves the old one or the new one. */
export async function keepPosition(path: string, position: Position): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeDurably(path, `${JSON.stringify(position)}\n`);
}

function isPosition(value: unknown): value is Position {
  if (!isJsonObject(value)) return false;
  const { origin, place, previous, sending } = value;
  return (
    typeof origin === 'string' &&
    (place === null || isPlace(place)) &&
    (previous === null || typeof previous === 'string') &&
    (sending === null || Number.isSafeInteger(sending))
  );
}

function isPlace(value: Json | undefined): boolean {
  return (
    isJsonObject(value) &&
    Number.isSafeInteger(value['index']) &&
    Number.isSafeInteger(value['offset']) &&
    typeof value['segment'] === 'string' &&
    /^log-\d{20}\.jsonl$/.test(value['segment'])
  );
}

function damaged(path: string, cause?: unknown): Fault {
  return new Fault(
    'state_damaged',
    `${path} does not say how far the log was exported. Remove it, and everything is exported again with the same ids.`,
    { cause },
  );
}
