import { type FileHandle, open } from 'node:fs/promises';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readPrivateFile, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { FlowMemory, FlowParty, Use } from './flow-memory.ts';
import { type MemoryFlow, memoryFlow } from './memory-flow.ts';

/** How often a label that is left again and again is written. Milliseconds. */
const againMilliseconds = 300_000;
/** Lines after which the file is written anew with what still counts. */
const mostLines = 20_000;

export interface FlowJournal extends FlowMemory, AsyncDisposable {}

/**
 * A memory that outlives a restart: a use that is new is in the file before anything is forwarded. After a start every task
 * counts as at work just now. Throws Fault `state_damaged` for a file that cannot be read: starting without it would be
 * forgetting.
 */
export async function openFlowJournal(
  path: string,
  clock: Clock,
  memory: MemoryFlow = memoryFlow(clock),
): Promise<FlowJournal> {
  for (const { party, label, use } of await readLines(path)) memory.remember(party, [label], use);
  const file = new JournalFile(path, () => linesOf(memory));
  const written = new Map<string, { at: number; durable: Promise<void> | null }>();

  const write = (key: string, line: Json): Promise<void> => {
    const durable = file.append(`${JSON.stringify(line)}\n`).then(
      () => void (entry.durable = null),
      (cause: unknown) => {
        written.delete(key);
        const detail = 'What this call touches cannot be written down, so the call is refused.';
        throw new Fault('unavailable', detail, { cause, retryAfterMilliseconds: 1_000 });
      },
    );
    const entry: { at: number; durable: Promise<void> | null } = { at: clock.now(), durable };
    if (written.size >= mostLines) written.clear();
    written.set(key, entry);
    return durable;
  };

  return {
    recall: (party, how) => memory.recall(party, how),
    forget(order) {
      memory.forget(order);
      // A use after this is a new one.
      written.clear();
    },
    list: (how) => memory.list(how),
    remember(party, labels, use) {
      memory.remember(party, labels, use);
      const waits: Promise<void>[] = [];
      for (const family of party.families) {
        for (const label of labels) {
          const key = JSON.stringify([family, party.person, label]);
          const known = written.get(key);
          if (known && clock.now() - known.at < againMilliseconds) {
            if (known.durable) waits.push(known.durable);
          } else waits.push(write(key, { family, person: party.person, label, ...use }));
        }
      }
      return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

function linesOf(memory: MemoryFlow): string {
  const rows = memory.list({ quiet: Infinity, longest: Infinity });
  return rows.map(({ since: _since, ...row }) => `${JSON.stringify(row)}\n`).join('');
}

/** Lines at the end of a file; those that come together wait for the disk together. */
class JournalFile {
  readonly #path: string;
  readonly #whole: () => string;
  #file: FileHandle | null = null;
  #lines = 0;
  #waiting: string[] = [];
  #next: Promise<void> | null = null;
  #current: Promise<void> = Promise.resolve();

  constructor(path: string, whole: () => string) {
    this.#path = path;
    this.#whole = whole;
  }

  append(line: string): Promise<void> {
    this.#waiting.push(line);
    this.#next ??= this.#current.then(() => this.#flush());
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => undefined);
    await this.#current;
    await this.#file?.close();
    this.#file = null;
  }

  #flush(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#next = null;
    const writing = this.#write(lines);
    this.#current = writing.catch(() => undefined);
    return writing;
  }

  async #write(lines: readonly string[]): Promise<void> {
    try {
      // The whole memory has what is about to be written as well.
      if (!this.#file || this.#lines >= mostLines) return await this.#writeAnew();
      await this.#file.appendFile(lines.join(''));
      await this.#file.datasync();
      this.#lines += lines.length;
    } catch (error) {
      // How much is in the file is not known now: the next one writes all of it.
      await this.#file?.close().catch(() => undefined);
      this.#file = null;
      throw error;
    }
  }

  async #writeAnew(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    await writeDurably(this.#path, this.#whole());
    this.#file = await open(this.#path, 'a');
    this.#lines = 0;
  }
}

interface Line {
  readonly party: FlowParty;
  readonly label: string;
  readonly use: Use;
}

async function readLines(path: string): Promise<readonly Line[]> {
  const text = await readPrivateFile(path).then(
    (octets) => Buffer.from(octets).toString('utf8'),
    (error: unknown) => {
      if (error instanceof Fault && error.code === 'not_found') return '';
      throw error;
    },
  );
  const lines = text.split('\n');
  // What a crash cut off was never acknowledged: its call was not forwarded.
  lines.pop();
  return lines.map((line, at) => readLine(line) ?? damaged(path, at + 1));
}

function readLine(text: string): Line | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isJsonObject(value)) return null;
  const { family, person, label, at, agent, server, method, target, exchange } = value;
  const texts = [family, label, agent, server, method, exchange];
  if (typeof at !== 'number' || !texts.every((each) => typeof each === 'string')) return null;
  if (!isTextOrNull(person) || !isTextOrNull(target)) return null;
  const [
    familyText = '',
    labelText = '',
    agentText = '',
    serverText = '',
    methodText = '',
    exchangeText = '',
  ] = texts as readonly string[];
  return {
    party: { families: [familyText], person },
    label: labelText,
    use: { at, agent: agentText, server: serverText, method: methodText, target, exchange: exchangeText },
  };
}

function isTextOrNull(value: Json | undefined): value is string | null {
  return value === null || typeof value === 'string';
}

function damaged(path: string, line: number): never {
  throw new Fault(
    'state_damaged',
    `${path}: line ${line} cannot be read, so it is not known what agents have used. Restore the file, or move it away if every task may begin anew.`,
  );
}
