import { Fault } from '../../../kernel/fault.ts';
import type { Change } from '../change-feed.ts';
import { type ChangeRow, toChange } from '../records/changes.ts';
import type { Session } from './session.ts';

/**
 * What this process knows to have been committed, and what it has told of it. It tells every change once, in the order of
 * the numbers, whoever read it first; and it holds every server that it meets to what it knows, since one that was made of an
 * older copy would use numbers a second time and forget revocations.
 */
export class History {
  readonly #writer: string;
  readonly #tell: (changes: readonly Change[]) => void;
  /** The last change that was told. */
  #heard: ChangeRow | null = null;
  #sequence = 0;
  #written = 0;
  #fault: Fault | null = null;

  /** `writer` is what this process is called among those who write. */
  constructor(writer: string, tell: (changes: readonly Change[]) => void) {
    this.#writer = writer;
    this.#tell = tell;
  }

  get writer(): string {
    return this.#writer;
  }

  /** The number of the last change that was told; where a process begins, the last one that there was. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The number of the last write of this process that is known to be durable. */
  get written(): number {
    return this.#written;
  }

  begin(sequence: number): void {
    this.#sequence = sequence;
  }

  wrote(number: number): void {
    this.#written = Math.max(this.#written, number);
  }

  /** Tells what was not told yet of changes that follow one another. */
  hear(rows: readonly ChangeRow[]): void {
    const news = rows.filter(({ sequence }) => sequence > this.#sequence);
    const [first] = news;
    if (first && first.sequence !== this.#sequence + 1) {
      throw this.#fail(
        'unavailable',
        `The database was away for longer than changes are kept: those after ${this.#sequence} are gone. Start this authority again.`,
      );
    }
    this.#heard = news.at(-1) ?? this.#heard;
    this.#sequence = this.#heard?.sequence ?? this.#sequence;
    this.#tell(news.map(toChange));
  }

  /** Throws the Fault after which nothing may rest on the database until somebody has looked. */
  refuseLost(): void {
    if (this.#fault) throw this.#fault;
  }

  /** Throws Fault `state_damaged` for a server that lacks what was durable. */
  async verify(session: Session): Promise<void> {
    this.refuseLost();
    const { sequence } = this;
    const [written, heard] = [this.#written, this.#heard];
    const [found] = await session.query<Found>(
      `SELECT (SELECT last FROM change_number) AS last,
         coalesce((SELECT number FROM writers WHERE id = $1), 0) AS written,
         (SELECT kind || ' ' || key || ' ' || coalesce(value, '') FROM changes WHERE sequence = $2) AS heard`,
      [this.#writer, heard?.sequence ?? 0],
    );
    if (!found || found.last < sequence || found.written < written || !isSame(found.heard, heard)) {
      throw this.#fail(
        'state_damaged',
        'The database lacks what it had reported durable: it is an older copy, or a standby that was behind when it took over. Nothing is read from it or written. See docs/postgresql.md on what to do, then start this authority again.',
      );
    }
  }

  #fail(code: 'unavailable' | 'state_damaged', detail: string): Fault {
    this.#fault ??= new Fault(code, detail);
    return this.#fault;
  }
}

interface Found {
  readonly last: number;
  readonly written: number;
  readonly heard: string | null;
}

/** One that is kept no longer was there once. */
function isSame(found: string | null, heard: ChangeRow | null): boolean {
  return found === null || heard === null || found === `${heard.kind} ${heard.key} ${heard.value ?? ''}`;
}
