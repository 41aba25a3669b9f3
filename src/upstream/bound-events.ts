import { Fault } from '../kernel/fault.ts';

/** Who follows an event stream on its way. */
export interface StreamFollower {
  /** What a failure of the stream is to the reader. */
  failed(error: unknown): unknown;
  /** It is over: ended, failed or left. */
  over(): void;
}

/**
 * Passes an event stream on and stops it when one event grows over the limit, with Fault `upstream_too_large`. May be
 * iterated once.
 */
export function boundEvents(
  body: AsyncIterable<Uint8Array>,
  limit: number,
  follower: StreamFollower,
): AsyncIterable<Uint8Array> {
  return new BoundEvents(body[Symbol.asyncIterator](), limit, follower);
}

type Step = IteratorResult<Uint8Array>;

/** It iterates by hand, because a generator costs three promises a piece. */
class BoundEvents implements AsyncIterableIterator<Uint8Array> {
  private readonly inner: AsyncIterator<Uint8Array>;
  private readonly limit: number;
  private readonly follower: StreamFollower;
  private readonly longestWith = countEventOctets();
  private over = false;
  private readonly passed = (step: Step): Step => this.pass(step);
  private readonly broke = (error: unknown): never => this.break(error);

  constructor(inner: AsyncIterator<Uint8Array>, limit: number, follower: StreamFollower) {
    this.inner = inner;
    this.limit = limit;
    this.follower = follower;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return this.inner.next().then(this.passed, this.broke);
  }

  async return(): Promise<Step> {
    this.end();
    await this.inner.return?.();
    return { done: true, value: undefined };
  }

  private pass(step: Step): Step {
    if (step.done) this.end();
    else if (this.longestWith(step.value) > this.limit) {
      leave(this.inner);
      this.end();
      const detail = `The MCP server sent a message of more than ${this.limit} octets.`;
      throw new Fault('upstream_too_large', detail);
    }
    return step;
  }

  private break(error: unknown): never {
    const shown = this.follower.failed(error);
    this.end();
    throw shown;
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.follower.over();
  }
}

/** Ends the exchange that an event stream comes from; that it ends is all there is to it. */
function leave(stream: AsyncIterator<Uint8Array>): void {
  stream.return?.().catch(() => undefined);
}

/** Octets of the longest event that the chunk ends or continues. */
function countEventOctets(): (chunk: Uint8Array) => number {
  let size = 0;
  let atLineStart = true;
  let afterReturn = false;
  return (chunk) => {
    let longest = 0;
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const octet = chunk[at];
      if (octet !== 0x0a && octet !== 0x0d) {
        atLineStart = false;
        afterReturn = false;
        // Most octets are not line ends: go to the next one at once.
        at = nextLineEnd(chunk, at + 1) - 1;
        continue;
      }
      // HTML §9.2.5: a line ends with CR LF, LF or CR.
      if (octet === 0x0a && afterReturn) {
        afterReturn = false;
        continue;
      }
      afterReturn = octet === 0x0d;
      if (atLineStart) {
        longest = Math.max(longest, size + at - from);
        size = 0;
        from = at + 1;
      }
      atLineStart = true;
    }
    size += chunk.length - from;
    return Math.max(longest, size);
  };
}

function nextLineEnd(chunk: Uint8Array, from: number): number {
  const feed = chunk.indexOf(0x0a, from);
  const end = feed === -1 ? chunk.length : feed;
  const ret = chunk.subarray(from, end).indexOf(0x0d);
  return ret === -1 ? end : from + ret;
}
