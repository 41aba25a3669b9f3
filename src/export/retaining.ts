import { statedSize } from '../audit/checkpoint.ts';
import type { AuditLog } from '../audit/log.ts';
import { isActive, listHolds, markRecorded } from '../audit/holds.ts';
import { removedCount } from '../audit/removed.ts';
import {
  type DueSegment,
  dueSegment,
  keepLeaves,
  removeSegment,
  type RetentionRules,
} from '../audit/retention.ts';
import { newestNote } from '../audit/stored-checkpoints.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText } from '../kernel/fault.ts';
import { positionFile, readPosition } from './position.ts';

/** How retention stands. */
export interface RetentionStatus {
  /** Entries of which only the hashes are left. */
  readonly removed: number;
  /** Why a file that is due is still there, or null. */
  readonly waiting: string | null;
}

export interface RetainingOptions {
  readonly folder: string;
  readonly rules: RetentionRules;
  readonly audit: Pick<AuditLog, 'append'>;
  /** Destinations that must have taken what is removed. */
  readonly destinations: readonly string[];
  /** Witnesses, and how many entries each has signed for: all that is removed must be among them. */
  readonly witnessed: () => readonly { readonly witness: string; readonly size: number }[];
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly milliseconds?: number;
}

/** Removes what a log does not have to keep any longer, and writes holds into the log. */
export class Retaining implements AsyncDisposable {
  private readonly options: RetainingOptions;
  private readonly timer: NodeJS.Timeout;
  private running: Promise<void>;
  private state: RetentionStatus = { removed: 0, waiting: null };

  constructor(options: RetainingOptions) {
    this.options = options;
    this.running = this.pass();
    this.timer = setInterval(() => void this.look(), options.milliseconds ?? 60_000).unref();
  }

  status(): RetentionStatus {
    return this.state;
  }

  /** Looks now. */
  look(): Promise<void> {
    this.running = this.running.then(() => this.pass());
    return this.running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  private async pass(): Promise<void> {
    const { folder, log } = this.options;
    let waiting: string | null;
    try {
      await this.recordHolds();
      waiting = await this.removeDue();
    } catch (error) {
      waiting = errorText(error);
    }
    if (waiting !== null && waiting !== this.state.waiting) {
      log(`A file of the audit log in ${folder} is due and stays: ${waiting}`);
    }
    this.state = { removed: await removedCount(folder).catch(() => this.state.removed), waiting };
  }

  /** Removes one file after the other; returns why the next one stays, or null when none is due. */
  private async removeDue(): Promise<string | null> {
    const { folder, rules, audit, clock } = this.options;
    if (rules.milliseconds === null && rules.octets === null) return null;
    for (;;) {
      const due = await dueSegment(folder, rules, clock.now());
      if (!due) return null;
      const reason = await this.reasonToKeep(due);
      if (reason !== null) return reason;
      await keepLeaves(folder, due);
      const { name: file, first: from, end: to, octets, why } = due;
      // Before the act: an entry that is gone without this one was not removed by us.
      await audit.append({ type: 'log.removed', file, from, to, octets, why });
      await removeSegment(folder, due);
    }
  }

  private async reasonToKeep({ end }: DueSegment): Promise<string | null> {
    const { folder, destinations, witnessed } = this.options;
    const hold = (await listHolds(folder)).find(isActive);
    if (hold) return `the hold ${hold.id} of ${hold.added.by} is on it`;
    const note = await newestNote(folder);
    if (note === null || statedSize(note) < end) return 'no checkpoint covers all of it yet';
    for (const name of destinations) {
      const position = await readPosition(positionFile(folder, name));
      if ((position?.place?.index ?? 0) < end) return `${name} has not taken all of it yet`;
    }
    const late = witnessed().find(({ size }) => size < end);
    return late ? `the witness ${late.witness} has not signed for all of it yet` : null;
  }

  private async recordHolds(): Promise<void> {
    const { folder, audit } = this.options;
    for (const { id, added, released, recorded } of await listHolds(folder)) {
      if (!recorded.added) {
        await audit.append({ type: 'hold.added', hold: id, ...added });
        await markRecorded(folder, id, 'added');
      }
      if (released && !recorded.released) {
        await audit.append({ type: 'hold.released', hold: id, ...released });
        await markRecorded(folder, id, 'released');
      }
    }
  }
}
