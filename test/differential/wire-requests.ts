import { createConnection } from '../../src/http/connection.ts';
import { defaultPatience, type Door, type ServedExchange } from '../../src/http/engine.ts';
import { WireConnection } from '../../src/http/wire-connection.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { NotHttp } from '../../src/wire/not-http.ts';
import { fieldText, type MessageRead, requestStart } from './message-read.ts';
import { StubSocket } from './stub-socket.ts';

interface Message extends MessageRead {
  body: string;
  complete: boolean;
}

const bodyLimit = { bytes: 1_000_000, milliseconds: 60_000 };

/** What our reader takes from the octets of one connection; every request is answered with 204. */
export class WireRequests {
  readonly messages: Message[] = [];
  readonly socket = new StubSocket();
  /** Exchanges whose handler has not ended. */
  open = 0;
  /** Why octets were not taken for a request. */
  refusals = 0;
  private readonly wire: WireConnection;

  constructor() {
    const door: Door = {
      clock: systemClock,
      date: () => '',
      extraHeaders: {},
      patience: defaultPatience,
      closing: () => false,
      closed: () => false,
      serve: (exchange, _connection, wrong) => this.serve(exchange, wrong),
      refused: () => {
        this.refusals += 1;
      },
    };
    this.wire = new WireConnection(this.socket.asSocket, createConnection(this.socket.asSocket), door);
  }

  /** Whether it looks at nothing more that comes. */
  get over(): boolean {
    return this.socket.ended || this.socket.destroyed;
  }

  feed(octets: Buffer): void {
    if (!this.socket.destroyed) this.socket.emit('data', octets);
  }

  /** As much time passes as anybody may take for a head. */
  expire(): void {
    this.wire.expire(Number.MAX_SAFE_INTEGER);
  }

  /** The peer goes away. */
  leave(): void {
    this.socket.destroy();
  }

  private async serve(exchange: ServedExchange, wrong: NotHttp | null): Promise<void> {
    this.open += 1;
    try {
      if (wrong) this.refusals += 1;
      else await this.take(exchange);
      await exchange.respond(wrong?.status ?? 204, {});
    } catch {
      this.refusals += 1;
      if (!exchange.gone) await exchange.respond(400, {});
    } finally {
      this.open -= 1;
    }
  }

  private async take(exchange: ServedExchange): Promise<void> {
    const message: Message = {
      start: requestStart(exchange.method, exchange.path, exchange.query),
      fields: fieldText(exchange.headers.entries()),
      body: '',
      complete: false,
    };
    this.messages.push(message);
    const body = await exchange.body(bodyLimit);
    message.body = Buffer.from(body).toString('latin1');
    message.complete = true;
  }
}
