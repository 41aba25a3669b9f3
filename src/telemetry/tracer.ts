import type { Clock } from '../kernel/clock.ts';
import { newId, Span, type SpanKind, type SpanSink } from './span.ts';
import type { TraceContext } from './trace-context.ts';

/** Begins spans. Where nothing is traced there is no tracer, and nobody asks. */
export interface Tracer {
  /**
   * The span of a piece of work that somebody else asked for, or null when this trace is not among those that are
   * taken. `callers`: the contexts that came with it, the nearest first.
   */
  begin(work: {
    readonly name: string;
    readonly kind: SpanKind;
    readonly callers: readonly TraceContext[];
    readonly at?: number;
  }): Span | null;
}

/** What is traced. */
export interface TracingRules {
  /** How many of a hundred traces are taken. */
  readonly percent: number;
  /** Whether the trace of a caller goes on here, or a new one begins that points to it. */
  readonly callers: 'continue' | 'link';
}

/**
 * Whether a trace is taken is told from its id alone, so that everybody with the same share takes the same ones
 * (OpenTelemetry, TraceIdRatioBased); what a caller says of sampling decides nothing.
 */
export function createTracer(
  rules: TracingRules,
  ports: { readonly clock: Clock; readonly sink: SpanSink },
): Tracer {
  return {
    begin({ name, kind, callers, at }) {
      const [nearest, ...others] = callers;
      const goesOn = rules.callers === 'continue' && nearest !== undefined;
      const traceId = goesOn ? nearest.traceId : newId(16);
      if (!isTaken(traceId, rules.percent)) return null;
      const parent = goesOn ? nearest : null;
      const linked = goesOn ? others.filter((one) => one.traceId !== traceId) : callers;
      const links = linked.map((one) => ({ traceId: one.traceId, spanId: one.spanId }));
      return new Span({ name, kind, parent, traceId, links, ...(at !== undefined && { at }) }, ports);
    },
  };
}

/** The last 52 bits of the id, as a share of all there are. */
function isTaken(traceId: string, percent: number): boolean {
  return Number.parseInt(traceId.slice(-13), 16) < (percent / 100) * 2 ** 52;
}
