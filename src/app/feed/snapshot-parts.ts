import { Fault } from '../../kernel/fault.ts';
import type { StoreSnapshot } from '../store/change-feed.ts';
import type { FeedMessage } from './feed-message.ts';

type Snapshot = FeedMessage & { readonly type: 'snapshot' };

/** More of a snapshot that came before: it counts when all parts are there. */
export interface SnapshotPart extends Pick<StoreSnapshot, 'certificates' | 'agents'> {
  readonly type: 'part';
  /** How many parts come behind this one. */
  readonly left: number;
}

/** How a gateway says in `Prefer` (RFC 7240) that it takes snapshots in parts. */
export const partsPreference = 'parts';

/** Rows of one part: some hundred kilobytes, which neither side notices. */
const rowsInPart = 1_000;

/**
 * The lines of a snapshot: itself when it is small, else itself with the number of its parts and without their rows, and the
 * parts. One line of a hundred thousand agents would be as long as a string can be read at all.
 */
export function* linesOf(message: Snapshot): Iterable<string> {
  const { certificates, agents } = message.registry;
  const parts = Math.ceil(Math.max(certificates.length, agents.length) / rowsInPart);
  if (parts <= 1) {
    yield JSON.stringify(message);
    return;
  }
  yield JSON.stringify({
    ...message,
    registry: { ...message.registry, certificates: [], agents: [] },
    parts,
  });
  for (let at = 0; at < parts; at += 1) {
    const of = <Row>(rows: readonly Row[]): readonly Row[] =>
      rows.slice(at * rowsInPart, (at + 1) * rowsInPart);
    const part: SnapshotPart = {
      type: 'part',
      certificates: of(certificates),
      agents: of(agents),
      left: parts - at - 1,
    };
    yield JSON.stringify(part);
  }
}

/** Puts the lines of a feed together again: everything but a snapshot in parts is told as it comes. */
export class FeedAssembler {
  private begun: Snapshot | null = null;
  private left = 0;
  private readonly certificates: StoreSnapshot['certificates'][number][] = [];
  private readonly agents: StoreSnapshot['agents'][number][] = [];

  /** The message that is complete with this one, or null. Throws Fault `invalid_input` for a part out of order. */
  take(message: (FeedMessage & { readonly parts?: number }) | SnapshotPart): FeedMessage | null {
    if (message.type === 'part') return this.takePart(message);
    if (this.begun) throw outOfOrder();
    if (message.type !== 'snapshot' || message.parts === undefined) return message;
    const { parts, ...begun } = message;
    this.begun = begun;
    this.left = parts;
    return null;
  }

  private takePart({ certificates, agents, left }: SnapshotPart): FeedMessage | null {
    const { begun } = this;
    if (!begun || left !== this.left - 1) throw outOfOrder();
    this.left = left;
    for (const row of certificates) this.certificates.push(row);
    for (const row of agents) this.agents.push(row);
    if (left > 0) return null;
    this.begun = null;
    const registry = {
      ...begun.registry,
      certificates: this.certificates.splice(0),
      agents: this.agents.splice(0),
    };
    return { ...begun, registry };
  }
}

function outOfOrder(): Fault {
  return new Fault('invalid_input', 'The feed sent a part of a snapshot out of order.');
}
