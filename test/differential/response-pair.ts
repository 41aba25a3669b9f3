import { firstUnlike, type Pair } from './compare.ts';
import type { Turn } from './generated-responses.ts';
import type { NodeReading } from './node-reading.ts';
import { WireResponses } from './wire-responses.ts';

/** What a server sends on one connection, for our client's reader and for node:http's. */
export class ResponsePair implements Pair {
  readonly node: NodeReading;
  private readonly ours = new WireResponses();
  private readonly turns: readonly Turn[];
  private turn = -1;
  private at = 0;
  private gone = false;

  constructor(turns: readonly Turn[], node: NodeReading) {
    this.turns = turns;
    this.node = node;
    node.start();
  }

  get taken(): number {
    return this.ours.messages.filter(({ complete }) => complete).length;
  }

  get refused(): boolean {
    return this.ours.failures > 0;
  }

  step(): boolean {
    const { ours, node } = this;
    if (ours.socket.destroyed) return false;
    while (this.at >= (this.turns[this.turn]?.pieces.length ?? 0)) {
      const next = this.turns[this.turn + 1];
      // The next request waits until its connection is given back.
      if (!next || !ours.free) return false;
      this.turn += 1;
      this.at = 0;
      ours.ask(next.method);
      node.asked.push(next.method);
    }
    const piece = this.turns[this.turn]?.pieces[this.at] ?? Buffer.alloc(0);
    this.at += 1;
    ours.feed(piece);
    node.feed(piece);
    return true;
  }

  difference(): string | null {
    const { ours, node } = this;
    const unlike = firstUnlike(ours.messages, node.messages);
    if (unlike !== null || ours.socket.destroyed) return unlike;
    const last = node.messages.at(-1);
    if (ours.free) {
      if (node.error !== null) return `ours keeps a connection that is broken for node:http (${node.error})`;
      if (node.messages.length !== ours.messages.length)
        return 'ours keeps a connection on which another answer began';
      if (!last?.complete) return 'ours keeps a connection in the middle of an answer';
      return last.staysOpen ? null : 'ours keeps a connection that node:http closes';
    }
    if (node.messages.length > ours.messages.length) return 'node:http has read a head that ours waits for';
    const answered = node.messages.length === node.asked.length && last?.complete;
    return answered ? 'ours waits for an answer that is complete' : null;
  }

  end(): void {
    this.gone = this.ours.socket.destroyed;
    this.ours.leave();
    if (!this.gone) this.node.end();
  }

  remainder(): string | null {
    if (this.ours.open > 0) return 'a request outlives its connection';
    return firstUnlike(this.ours.messages, this.node.messages);
  }
}
