import type { Clock } from '../../kernel/clock.ts';
import type { Permit } from '../authorize.ts';
import type { FlowGuard } from './flow-guard.ts';
import { type Labels, labelsOfNews, noLabels, type ServerLabels, union } from './flow-rules.ts';

/** What came in for longer than this counts as used again. Milliseconds. */
const againMilliseconds = 60_000;

export interface TracePorts {
  readonly clock: Clock;
  readonly flow: FlowGuard;
}

/** What one permitted request leaves behind, from before it is forwarded to the last octet of its answer. */
export class CallTrace {
  readonly #permit: Permit;
  readonly #exchange: string;
  readonly #of: ServerLabels;
  readonly #ports: TracePorts;
  #left: Labels = noLabels;
  #leftAt = -Infinity;

  private constructor(permit: Permit, exchange: string, of: ServerLabels, ports: TracePorts) {
    this.#permit = permit;
    this.#exchange = exchange;
    this.#of = of;
    this.#ports = ports;
  }

  /** null for a request to a server of which nothing is said. */
  static of(permit: Permit, exchange: string, ports: TracePorts): CallTrace | null {
    const of = ports.flow.labelsAt(permit.server);
    return of && of.all.length > 0 ? new CallTrace(permit, exchange, of, ports) : null;
  }

  /** Remembers what the request itself uses. */
  begin(): void | Promise<void> {
    return this.#leave(this.#permit.leaves);
  }

  /** Whether something may come in that the request itself did not ask for, so that every message has to be looked at. */
  get listens(): boolean {
    return !this.#of.all.every((label) => this.#left.includes(label));
  }

  /** Before a message is passed on that is not the answer to the request: `method` null for the answer to another one. */
  hear(method: string | null): void | Promise<void> {
    const labels = labelsOfNews(this.#of, method);
    const known = labels.every((label) => this.#left.includes(label)) && !this.#isOld();
    if (!known) return this.#leave(union(this.#left, labels));
  }

  /** Before octets are passed on: an answer that takes long is still in use. */
  passOn(): void | Promise<void> {
    if (this.#left.length > 0 && this.#isOld()) return this.#leave(this.#left);
  }

  #isOld(): boolean {
    return this.#ports.clock.monotonic() - this.#leftAt > againMilliseconds;
  }

  #leave(labels: Labels): void | Promise<void> {
    if (labels.length === 0) return;
    this.#left = labels;
    this.#leftAt = this.#ports.clock.monotonic();
    const { standing, grant, server, inbound } = this.#permit;
    const message = inbound?.messages.find(({ kind }) => kind === 'request');
    const target = message?.target;
    return this.#ports.flow.remember({ standing, grant }, labels, {
      at: this.#ports.clock.now(),
      agent: standing.caller.name,
      server,
      method: short(message?.method ?? 'GET'),
      target:
        !target || target.kind === 'server'
          ? null
          : short(target.kind === 'resource' ? target.uri : target.name),
      exchange: this.#exchange,
    });
  }
}

/** The longest text of a client that is remembered, in UTF-16 units. */
const longestText = 128;

function short(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText).toWellFormed()}…`;
}
