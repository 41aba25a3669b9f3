import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject } from '../kernel/canonical-json.ts';
import { writeDurably } from '../kernel/durable-file.ts';
import { Fault } from '../kernel/fault.ts';
import { randomId } from '../kernel/random.ts';

/** Who said it, why and when. */
export interface HoldWord {
  readonly by: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly at: string;
}

/** A legal hold on a log: nothing of it is removed. */
export interface Hold {
  readonly id: string;
  readonly added: HoldWord;
  /** Once somebody said that it is over. */
  readonly released: HoldWord | null;
  /** Whether the log says that it was added, and that it was released; only then it is over. */
  readonly recorded: { readonly added: boolean; readonly released: boolean };
}

/** In the folder of a log: whoever orders a hold need not be whoever writes the log. */
const holdsFolder = 'holds';
const words = { added: 'hold', released: 'release' } as const;

/** All holds of a log, also those that are over. Throws Fault `state_damaged`: what cannot be read may be one. */
export async function listHolds(folder: string): Promise<readonly Hold[]> {
  const names = new Set(await readdir(join(folder, holdsFolder)).catch(() => []));
  const ids = [...names]
    .flatMap((name) => /^([A-Za-z0-9_-]{1,64})\.hold\.json$/.exec(name)?.[1] ?? [])
    .sort();
  const holds: Hold[] = [];
  for (const id of ids) {
    const added = await readWord(folder, id, 'added');
    const released = names.has(`${id}.release.json`) ? await readWord(folder, id, 'released') : null;
    const recorded = {
      added: names.has(`${id}.hold.recorded`),
      released: names.has(`${id}.release.recorded`),
    };
    holds.push({ id, added, released, recorded });
  }
  return holds;
}

/** Whether a hold keeps anything from being removed. */
export function isActive({ released, recorded }: Hold): boolean {
  return released === null || !recorded.released;
}

/** Orders a hold; it counts at once. Returns its id. */
export async function addHold(folder: string, word: HoldWord): Promise<string> {
  const id = randomId();
  await writeWord(folder, id, 'added', word);
  return id;
}

/** Says that a hold is over; it is once the log says so too. Throws Fault `not_found` or `conflict`. */
export async function releaseHold(folder: string, id: string, word: HoldWord): Promise<void> {
  const hold = (await listHolds(folder)).find((one) => one.id === id);
  if (!hold) throw new Fault('not_found', `There is no hold ${id} on this log.`);
  if (hold.released) throw new Fault('conflict', `The hold ${id} was released by ${hold.released.by}.`);
  await writeWord(folder, id, 'released', word);
}

/** Notes that the log says it. */
export async function markRecorded(folder: string, id: string, what: 'added' | 'released'): Promise<void> {
  await writeDurably(join(folder, holdsFolder, `${id}.${words[what]}.recorded`), '');
}

async function writeWord(
  folder: string,
  id: string,
  what: 'added' | 'released',
  word: HoldWord,
): Promise<void> {
  await writeDurably(join(folder, holdsFolder, `${id}.${words[what]}.json`), `${JSON.stringify(word)}\n`);
}

async function readWord(folder: string, id: string, what: 'added' | 'released'): Promise<HoldWord> {
  const path = join(folder, holdsFolder, `${id}.${words[what]}.json`);
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    const { by, reason, at } = isJsonObject(value) ? value : {};
    if (typeof by === 'string' && typeof reason === 'string' && typeof at === 'string')
      return { by, reason, at };
  } catch (cause) {
    throw new Fault('state_damaged', `${path} cannot be read, so that nothing of the log is removed.`, {
      cause,
    });
  }
  throw new Fault(
    'state_damaged',
    `${path} does not say who ordered it and why, so that nothing of the log is removed.`,
  );
}
