import { toHex } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { randomBytes } from '../kernel/random.ts';
import type { TraceContext } from './trace-context.ts';

/** By the numbers of OTLP. */
export const spanKinds = { internal: 1, server: 2, client: 3 } as const;

export type SpanKind = keyof typeof spanKinds;
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span that is over, as it is sent away. Times are epoch milliseconds, with fractions. */
export interface EndedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly state: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  /** Spans of other traces that led to it. */
  readonly links: readonly Pick<TraceContext, 'traceId' | 'spanId'>[];
  /** A fault code; null when nothing went wrong. */
  readonly error: string | null;
}

/** Where spans that are over go. */
export type SpanSink = (span: EndedSpan) => void;

/** What a span begins with. */
export interface SpanStart {
  readonly name: string;
  readonly kind: SpanKind;
  /** When it began, on the monotonic clock; now unless given. */
  readonly at?: number;
  readonly parent: TraceContext | null;
  /** The trace, where there is no parent in it. */
  readonly traceId: string;
  readonly links?: EndedSpan['links'];
}

/** One piece of work that is under way and traced. Whoever holds it ends it, once. */
export class Span {
  readonly context: TraceContext;
  private readonly start: SpanStart;
  private readonly ports: SpanPorts;
  private readonly began: number;
  private attributes: Record<string, string | number | boolean> = {};
  private stage: Span | null = null;
  private over = false;

  constructor(start: SpanStart, ports: SpanPorts) {
    this.start = start;
    this.ports = ports;
    this.began = start.at ?? ports.clock.monotonic();
    const state = start.parent?.state ?? null;
    this.context = { traceId: start.traceId, spanId: newId(8), sampled: true, state };
  }

  set(attributes: Attributes): this {
    Object.assign(this.attributes, attributes);
    return this;
  }

  child(name: string, kind: SpanKind = 'internal'): Span {
    return new Span({ name, kind, parent: this.context, traceId: this.context.traceId }, this.ports);
  }

  /** Begins a child and ends the one before it that was begun so; null only ends that. */
  step(name: string | null, kind: SpanKind = 'internal'): Span | null {
    this.stage?.end();
    this.stage = name === null ? null : this.child(name, kind);
    return this.stage;
  }

  /** Ends it and its step. `error` is a fault code. */
  end(error: string | null = null): void {
    if (this.over) return;
    this.over = true;
    this.stage?.end(error);
    const { clock, sink } = this.ports;
    const elapsed = clock.monotonic();
    const now = clock.now();
    const { name, kind, parent, links = [] } = this.start;
    const { traceId, spanId, state } = this.context;
    const attributes = error === null ? this.attributes : { ...this.attributes, 'error.type': error };
    const times = { startedAt: now - (elapsed - this.began), endedAt: now };
    const parentSpanId = parent?.spanId ?? null;
    sink({ traceId, spanId, parentSpanId, state, name, kind, ...times, attributes, links, error });
  }
}

export interface SpanPorts {
  readonly clock: Clock;
  readonly sink: SpanSink;
}

/** An id of so many octets that is not all zeros, in hexadecimal. */
export function newId(octets: number): string {
  for (;;) {
    const id = toHex(randomBytes(octets));
    if (!/^0+$/.test(id)) return id;
  }
}
