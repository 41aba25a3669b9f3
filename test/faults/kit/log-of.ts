import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listSegments } from '../../../src/audit/segment.ts';

/** An event of a log, as far as tests look at it. */
export interface LoggedEvent {
  readonly type: string;
  readonly messages?: readonly { readonly argumentsHash: string }[];
  readonly [field: string]: unknown;
}

/** The events of a log so far; the last line is left out while it is being written. */
export async function logOf(folder: string): Promise<readonly LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (const { name } of await listSegments(folder)) {
    const lines = (await readFile(join(folder, name), 'utf8')).split('\n').slice(0, -1);
    for (const line of lines) events.push((JSON.parse(line) as { event: LoggedEvent }).event);
  }
  return events;
}

/** The hashes of the arguments of all calls that a log says were permitted. */
export async function permittedIn(folder: string): Promise<ReadonlySet<string>> {
  const hashes = new Set<string>();
  for (const { type, messages = [] } of await logOf(folder)) {
    if (type !== 'call.permitted') continue;
    for (const { argumentsHash } of messages) hashes.add(argumentsHash);
  }
  return hashes;
}
