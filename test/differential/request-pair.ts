import { firstUnlike, type Pair } from './compare.ts';
import type { NodeReading } from './node-reading.ts';
import { WireRequests } from './wire-requests.ts';

/** The pieces that arrive on one connection, for our server's reader and for node:http's. */
export class RequestPair implements Pair {
  readonly node: NodeReading;
  /** A client that reads what our server answers. */
  private readonly client: NodeReading;
  private readonly ours = new WireRequests();
  private readonly pieces: readonly Buffer[];
  private at = 0;
  private waiting = false;
  private refusedBefore = 0;

  constructor(pieces: readonly Buffer[], node: NodeReading, client: NodeReading) {
    this.pieces = pieces;
    this.node = node;
    this.client = client;
    client.start();
    node.start();
  }

  get taken(): number {
    return this.ours.messages.filter(({ complete }) => complete).length;
  }

  get refused(): boolean {
    return this.ours.refusals > 0;
  }

  step(): boolean {
    const piece = this.pieces[this.at];
    if (!piece || this.ours.over) return false;
    this.at += 1;
    this.ours.feed(piece);
    this.node.feed(piece);
    return true;
  }

  difference(): string | null {
    const { ours, node } = this;
    const unlike = firstUnlike(ours.messages, node.messages);
    if (unlike !== null || ours.over || ours.refusals > 0) return unlike;
    // Nothing was refused, so nothing may lag behind: what is complete for one is complete for the other.
    if (node.messages.length > ours.messages.length) return 'node:http has read a head that ours waits for';
    const last = node.messages.length - 1;
    return node.messages[last]?.complete && !ours.messages[last]?.complete
      ? 'ours waits for a body that is complete'
      : null;
  }

  end(): void {
    this.ours.expire();
    this.waiting = this.ours.open === 0 && !this.ours.over;
    this.refusedBefore = this.ours.refusals;
    this.ours.leave();
  }

  remainder(): string | null {
    const { ours } = this;
    if (this.waiting) return 'the connection waits for ever';
    if (ours.open > 0) return 'an exchange outlives its connection';
    return this.unlikeAnswers();
  }

  /** Every request is answered once, in a way that a client reads as so many answers. */
  private unlikeAnswers(): string | null {
    const { client } = this;
    client.feed(Buffer.from(this.ours.socket.written, 'latin1'));
    if (client.error !== null) return `our answers are not HTTP: ${client.error}`;
    const complete = client.messages.filter((answer) => answer.complete).length;
    const wanted = this.taken + (this.refusedBefore > 0 ? 1 : 0);
    return complete === wanted ? null : `${wanted} answers are due and ${complete} were sent`;
  }
}
