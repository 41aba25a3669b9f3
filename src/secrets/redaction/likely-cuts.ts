import { concat } from '../../kernel/bytes.ts';
import { type Cutter, JsonCutter, TextCutter } from './cutter.ts';
import type { LikelySecrets } from './likely-secrets.ts';

/** Cuts out of one text what is likely to be a secret. */
export class LikelyCuts {
  private readonly secrets: Pick<LikelySecrets, 'find'>;
  private readonly cutter: Cutter;
  private held: Uint8Array = nothing;

  constructor(secrets: Pick<LikelySecrets, 'find'>, form: 'text' | 'json') {
    this.secrets = secrets;
    this.cutter = form === 'json' ? new JsonCutter() : new TextCutter();
  }

  get marks(): number {
    return this.cutter.marks;
  }

  /** Itself where nothing is found. */
  whole(octets: Uint8Array): Uint8Array {
    return this.cutter.cut({ octets, spans: this.secrets.find(octets) });
  }

  /**
   * What may be passed on of a stream now that a piece has come: whole events, since what a secret looks like is known at its
   * end. Of an event that is larger than a window, what is far enough from its end.
   */
  push(piece: Uint8Array): Uint8Array {
    const octets = this.held.length === 0 ? piece : concat([this.held, piece]);
    const wall = endOfLastEvent(octets);
    const spans = octets.length - wall > window ? this.secrets.find(octets) : [];
    let end = octets.length - wall > window ? octets.length - longest : wall;
    end = spans.find((span) => span.start < end && span.end > end)?.start ?? end;
    const out = this.cutTo(octets, end, spans.length > 0 ? spans : null);
    this.held = octets.slice(end);
    return out;
  }

  end(): Uint8Array {
    const { held } = this;
    this.held = nothing;
    return this.whole(held);
  }

  private cutTo(
    octets: Uint8Array,
    end: number,
    known: ReturnType<LikelySecrets['find']> | null,
  ): Uint8Array {
    if (end === 0) return nothing;
    const passed = octets.subarray(0, end);
    const spans = known ? known.filter((span) => span.end <= end) : this.secrets.find(passed);
    return this.cutter.cut({ octets: passed, spans });
  }
}

const nothing = new Uint8Array();
/** Octets of an event that are held at the most, and how far a secret may reach. */
const window = 1024 * 1024;
const longest = 32 * 1024;

const blankLines = ['\n\n', '\r\r', '\n\r'].map((line) => Buffer.from(line));

function endOfLastEvent(octets: Uint8Array): number {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  const last = Math.max(...blankLines.map((line) => text.lastIndexOf(line)));
  return last === -1 ? 0 : last + 2;
}
