import { Deadlines } from '../../src/http/deadlines.ts';
import { WireOutlet } from '../../src/http/wire-outlet.ts';
import { WireSending } from '../../src/http/wire-sending.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { fieldText, type MessageRead } from './message-read.ts';
import { StubSocket } from './stub-socket.ts';

const time = { clock: systemClock, deadlines: new Deadlines(systemClock) };

interface Message extends MessageRead {
  body: string;
  complete: boolean;
}

const wholeLimit = 1_000_000;

/** What our client takes from the octets that a server sends on one connection. */
export class WireResponses {
  readonly messages: Message[] = [];
  readonly socket = new StubSocket();
  /** Whether the connection was given back for another request. */
  free = true;
  /** Requests that were given up. */
  failures = 0;
  /** Requests that have neither ended nor failed. */
  open = 0;
  private readonly outlet: WireOutlet;

  constructor() {
    this.outlet = new WireOutlet(this.socket.asSocket, 'localhost', () => {
      this.free = true;
    });
  }

  /** Sends the next request, on a connection that is free. */
  ask(method: string): void {
    this.free = false;
    const request = {
      method,
      target: '/',
      headers: {},
      body: null,
      answerMilliseconds: 0,
      idleMilliseconds: 0,
    };
    const sending = new WireSending(request, new AbortController().signal, time);
    this.open += 1;
    void this.follow(sending);
    this.outlet.carry(sending);
  }

  feed(octets: Buffer): void {
    if (!this.socket.destroyed) this.socket.emit('data', octets);
  }

  /** The server goes away. */
  leave(): void {
    this.socket.destroy();
  }

  private async follow(sending: WireSending): Promise<void> {
    try {
      const answer = await sending.answer;
      const message: Message = {
        start: String(answer.status),
        fields: fieldText(answer.headers.entries()),
        body: '',
        complete: false,
      };
      this.messages.push(message);
      message.body = Buffer.from(await answer.whole(wholeLimit)).toString('latin1');
      message.complete = true;
    } catch {
      this.failures += 1;
    } finally {
      this.open -= 1;
    }
  }
}
