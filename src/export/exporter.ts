import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../audit/events.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { randomFraction } from '../kernel/random.ts';
import type { BatchLimits, Destination } from './destination.ts';
import { keepPosition, type Position, positionFile, readPosition } from './position.ts';
import { type Pending, pendingOf, type PlacedBatch, readBatch } from './read-batch.ts';

/** How one destination stands towards one log. */
export interface ExportStatus {
  readonly destination: string;
  readonly origin: string;
  /** `failing`: it is tried again; `stopped`: an entry is refused, and nothing behind it is sent before it is taken. */
  readonly state: 'exporting' | 'failing' | 'stopped';
  /** Whether the oldest entry that was not taken waits longer than it should. */
  readonly behind: boolean;
  /** Entries that a checkpoint covers and that were not taken. */
  readonly lagEntries: number;
  /** How old the oldest of them is. */
  readonly lagMilliseconds: number;
  /** Entries taken since the process began. */
  readonly taken: number;
  /** Why the last attempt did not succeed, or null. */
  readonly problem: string | null;
}

export interface ExporterOptions {
  readonly name: string;
  readonly folder: string;
  readonly origin: string;
  readonly destination: Destination;
  readonly limits: BatchLimits;
  /** What is done with an entry that the destination refuses for good. */
  readonly refused: 'stop' | 'set-aside';
  /** How old the oldest entry that was not taken may become before that is told, in milliseconds. */
  readonly lagMilliseconds: number;
  readonly clock: Clock;
  /** Where it is written down that an exporter stopped, fell behind or went on. */
  readonly record: (event: AuditEvent) => void;
  readonly log: (line: string) => void;
  /** How often the log is looked at, and how long to wait after the first failure; the waits double up to a minute. */
  readonly pollMilliseconds?: number;
  readonly pauseMilliseconds?: number;
}

const longestPause = 60_000;
/** The longest wait that a destination may ask for. */
const longestAsked = 3_600_000;

/**
 * Brings the entries of one log to one destination, in order and at least once. The log itself is the queue: what was not
 * taken stays there, one batch is in memory, and whoever writes the log never waits.
 */
export class Exporter implements AsyncDisposable {
  private readonly options: ExporterOptions;
  private readonly file: string;
  private readonly ending = new AbortController();
  private readonly running: Promise<void>;
  private position: Position | null = null;
  private pending: Pick<Pending, 'count' | 'oldest'> = { count: 0, oldest: null };
  /** The most entries that are sent at once: fewer while it is found out which one is refused. */
  private most: number;
  private failures = 0;
  private taken = 0;
  private problem: string | null = null;
  private state: ExportStatus['state'] = 'exporting';
  private behind = false;

  constructor(options: ExporterOptions) {
    this.options = options;
    this.file = positionFile(options.folder, options.name);
    this.most = options.limits.entries;
    this.running = this.run();
  }

  status(): ExportStatus {
    const { name, origin } = this.options;
    return {
      destination: name,
      origin,
      state: this.state,
      behind: this.behind,
      lagEntries: this.pending.count,
      lagMilliseconds: this.lag(),
      taken: this.taken,
      problem: this.problem,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort();
    await this.running;
    await this.options.destination[Symbol.asyncDispose]();
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      let pause: number;
      try {
        pause = (await this.step()) ? 0 : (this.options.pollMilliseconds ?? 250);
      } catch (error) {
        if (signal.aborted) return;
        pause = this.failed(error);
      }
      if (pause > 0) await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Sends one batch, when there is one to send. */
  private async step(): Promise<boolean> {
    const { folder, limits } = this.options;
    const position = await this.begin();
    const pending = await pendingOf(folder, position);
    this.pending = pending;
    this.watchLag();
    const { checkpoint, size, count } = pending;
    if (checkpoint === null || count === 0) return false;
    const begun = position.sending !== null;
    if (!begun && count < limits.entries && !this.due(pending)) return false;
    const placed = await readBatch(
      folder,
      position,
      { checkpoint, size },
      { entries: this.most, octets: limits.octets },
    );
    if (!placed) return false;
    await this.send(position, placed);
    return true;
  }

  private async send(position: Position, placed: PlacedBatch): Promise<void> {
    const { batch, next, previous } = placed;
    const last = next.index - 1;
    // Before it is sent: after a crash the same batch is sent again, under the same name.
    if (position.sending !== last) await this.keep({ ...position, sending: last });
    try {
      await this.options.destination.deliver(batch, this.ending.signal);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'export_refused')) throw error;
      const { length } = batch.entries;
      if (length > 1) {
        this.most = Math.ceil(length / 2);
        await this.keep({ ...position, sending: null });
        return;
      }
      if (this.options.refused === 'stop') throw error;
      this.setAside(last, error);
    }
    await this.keep({ ...position, place: next, previous, sending: null });
    this.succeeded(batch.entries.length);
  }

  private async begin(): Promise<Position> {
    if (this.position) return this.position;
    const { origin, name } = this.options;
    const kept = await readPosition(this.file);
    if (kept && kept.origin !== origin) {
      throw new Fault(
        'audit_broken',
        `${name} has taken the log ${kept.origin} and not ${origin}; ${this.file} says so.`,
      );
    }
    this.position = kept ?? { origin, place: null, previous: null, sending: null };
    return this.position;
  }

  private async keep(position: Position): Promise<void> {
    await keepPosition(this.file, position);
    this.position = position;
  }

  private due({ oldest }: Pending): boolean {
    if (oldest === null) return false;
    const age = this.options.clock.now() - oldest;
    // A clock that was put back must not hold anything up.
    return age >= this.options.limits.milliseconds || age < 0;
  }

  private succeeded(count: number): void {
    const { name, origin, log, record, limits } = this.options;
    this.taken += count;
    this.failures = 0;
    this.most = Math.min(limits.entries, this.most * 2);
    if (this.state === 'stopped') record({ type: 'export.resumed', destination: name, log: origin });
    if (this.problem !== null) log(`${name} takes entries of ${origin} again.`);
    this.problem = null;
    this.state = 'exporting';
  }

  private setAside(entry: number, fault: Fault): void {
    const { name, origin, log, record } = this.options;
    record({ type: 'export.set-aside', destination: name, log: origin, entry, reason: fault.message });
    log(`${name} refuses entry ${entry} of ${origin}, which is left out: ${fault.message}`);
  }

  /** Says so once, and gives how long to wait. */
  private failed(error: unknown): number {
    const { name, origin, log, record, pauseMilliseconds = 1_000 } = this.options;
    const text = errorText(error);
    const refused = error instanceof Fault && error.code === 'export_refused';
    if (refused && this.state !== 'stopped') {
      const entry = this.position?.place?.index ?? 0;
      record({ type: 'export.stopped', destination: name, log: origin, entry, reason: text });
    }
    if (this.problem !== text) log(`${name} does not take entries of ${origin}; it is tried again: ${text}`);
    this.problem = text;
    if (refused) this.state = 'stopped';
    else if (this.state !== 'stopped') this.state = 'failing';
    const wait =
      Math.min(longestPause, pauseMilliseconds * 2 ** Math.min(this.failures, 20)) *
      (0.75 + randomFraction() / 2);
    this.failures += 1;
    const asked = error instanceof Fault ? (error.retryAfterMilliseconds ?? 0) : 0;
    this.watchLag();
    return Math.max(wait, Math.min(asked, longestAsked));
  }

  private lag(): number {
    const { oldest } = this.pending;
    return oldest === null ? 0 : Math.max(0, this.options.clock.now() - oldest);
  }

  /** Told once when the limit is passed and once when it is kept again. */
  private watchLag(): void {
    const { name, origin, lagMilliseconds, record, log } = this.options;
    const behind = this.lag() > lagMilliseconds;
    if (behind === this.behind) return;
    this.behind = behind;
    if (!behind) {
      record({ type: 'export.resumed', destination: name, log: origin });
      return;
    }
    const { count: entries } = this.pending;
    record({ type: 'export.behind', destination: name, log: origin, entries, reason: this.problem });
    log(`${name} is behind: ${entries} entries of ${origin} wait for it. ${this.problem ?? ''}`.trim());
  }
}
