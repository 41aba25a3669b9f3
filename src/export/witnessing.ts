import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cosignedAt, splitNote, type WitnessKey } from '../audit/cosignature.ts';
import { statedSize } from '../audit/checkpoint.ts';
import type { AuditEvent } from '../audit/events.ts';
import type { LogReader } from '../audit/log-reader.ts';
import { witnessedFile, witnessedFolder } from '../audit/witnessed-notes.ts';
import type { Clock } from '../kernel/clock.ts';
import { writeDurably } from '../kernel/durable-file.ts';
import { errorText, Fault } from '../kernel/fault.ts';

/** Port: the way to a witness. Throws the faults of a request. */
export interface WitnessDoor {
  addCheckpoint(
    body: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: string }>;
  /** Says which key signs the log, for a witness that does not know it yet; null when that is somebody else's affair. */
  readonly introduce: ((signal: AbortSignal) => Promise<void>) | null;
}

/** What a witness has signed of the log. */
export interface WitnessStatus {
  readonly witness: string;
  /** Entries under its newest signature. */
  readonly size: number;
  /** When that was, in epoch milliseconds; null when it has signed nothing yet. */
  readonly at: number | null;
  /** Why it has not signed the last time, or null. */
  readonly problem: string | null;
}

export interface WitnessingOptions {
  readonly name: string;
  readonly key: WitnessKey;
  readonly door: WitnessDoor;
  readonly reader: Pick<LogReader, 'head' | 'consistency'>;
  readonly folder: string;
  readonly clock: Clock;
  /** How often it is asked. */
  readonly milliseconds: number;
  readonly record: (event: AuditEvent) => void;
  readonly log: (line: string) => void;
}

/** Asks a witness to sign the checkpoints of a log, and keeps what it signed beside the log. */
export class Witnessing implements AsyncDisposable {
  private readonly options: WitnessingOptions;
  private readonly ending = new AbortController();
  private readonly running: Promise<void>;
  private size = 0;
  private at: number | null = null;
  private problem: string | null = null;

  constructor(options: WitnessingOptions) {
    this.options = options;
    this.running = this.run();
  }

  status(): WitnessStatus {
    return { witness: this.options.name, size: this.size, at: this.at, problem: this.problem };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    await this.readKept();
    while (!signal.aborted) {
      try {
        await this.ask(this.size, 2);
        this.succeeded();
      } catch (error) {
        if (signal.aborted) return;
        this.failed(error);
      }
      await sleep(this.options.milliseconds, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Asks from the size that the witness is taken to know; when it knows another, once more from there. */
  private async ask(old: number, attempts: number): Promise<void> {
    const { reader, door } = this.options;
    const { signal } = this.ending;
    const head = await reader.head();
    const { size } = head.checkpoint;
    if (old > size) {
      throw new Fault(
        'audit_broken',
        `The witness has signed ${old} entries of this log, which has ${size}: it was cut back.`,
      );
    }
    const proof = await reader.consistency(old, head);
    const lines = proof.map((hash) => `${hash}\n`).join('');
    const said = await door.addCheckpoint(`old ${old}\n${lines}\n${head.note}`, signal);
    switch (said.status) {
      case 200:
        return await this.keep(head.note, said.body, size);
      case 404:
        if (attempts === 0 || !door.introduce) break;
        await door.introduce(signal);
        return await this.ask(old, attempts - 1);
      case 409: {
        const known = /^(0|[1-9]\d{0,14})\n$/.exec(said.body)?.[1];
        if (attempts === 0 || known === undefined || Number(known) === old) break;
        return await this.ask(Number(known), attempts - 1);
      }
      default:
    }
    const why = said.body.slice(0, 300).trim();
    const code = refusals.has(said.status) ? 'audit_broken' : 'unavailable';
    throw new Fault(code, `The witness answers ${said.status}: ${why}`);
  }

  private async keep(note: string, answer: string, size: number): Promise<void> {
    const { folder, name, key } = this.options;
    const { body } = splitNote(note);
    const lines = answer.split('\n').filter(Boolean);
    const at = cosignedAt(body, lines, key);
    if (at === null) throw new Fault('unavailable', 'The witness answered without a signature by its key.');
    // What others signed is none of ours.
    const own = lines.filter((line) => cosignedAt(body, [line], key) !== null).map((line) => `${line}\n`);
    await mkdir(join(folder, witnessedFolder), { recursive: true, mode: 0o700 });
    await writeDurably(witnessedFile(folder, name), `${note}${own.join('')}`, 0o644);
    [this.size, this.at] = [size, at];
  }

  private async readKept(): Promise<void> {
    const { folder, name, key } = this.options;
    try {
      const note = await readFile(witnessedFile(folder, name), 'utf8');
      const { body, signatures } = splitNote(note);
      this.at = cosignedAt(body, signatures, key);
      this.size = this.at === null ? 0 : statedSize(note);
    } catch {
      // The witness says how far it is.
    }
  }

  private succeeded(): void {
    const { name, record, log } = this.options;
    if (this.problem === null) return;
    this.problem = null;
    record({ type: 'witness.resumed', witness: name, size: this.size });
    log(`The witness ${name} signs again.`);
  }

  /** Said once for a failure that lasts. */
  private failed(error: unknown): void {
    const { name, record, log } = this.options;
    const text = errorText(error);
    if (this.problem === text) return;
    this.problem = text;
    const refused = error instanceof Fault && error.code === 'audit_broken';
    record({
      type: refused ? 'witness.refused' : 'witness.unreachable',
      witness: name,
      size: this.size,
      reason: text,
    });
    log(`The witness ${name} does not sign; it is asked again: ${text}`);
  }
}

/** What says that the log is not what the witness knows, or not known to it at all. */
const refusals: ReadonlySet<number> = new Set([403, 404, 409, 422]);
