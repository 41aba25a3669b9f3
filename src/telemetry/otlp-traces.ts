import type { JsonObject } from '../kernel/canonical-json.ts';
import { type Attributes, type EndedSpan, spanKinds } from './span.ts';

/** Who sends: what OpenTelemetry calls a resource. */
export interface Resource {
  readonly name: string;
  readonly version: string;
  readonly instance: string;
}

const errorStatus = 2;

/** Spans as an ExportTraceServiceRequest in OTLP/JSON (opentelemetry-proto 1.x: ids in hexadecimal, 64-bit numbers as text). */
export function otlpTraces(spans: readonly EndedSpan[], resource: Resource): JsonObject {
  const scope = { name: 'countersign', version: resource.version };
  return {
    resourceSpans: [
      {
        resource: otlpResource(resource),
        scopeSpans: [{ scope, spans: spans.map((span) => spanJson(span)) }],
      },
    ],
  };
}

export function otlpResource({ name, version, instance }: Resource): JsonObject {
  return {
    attributes: otlpAttributes({
      'service.name': name,
      'service.version': version,
      'service.instance.id': instance,
    }),
  };
}

function spanJson(span: EndedSpan): JsonObject {
  const { traceId, spanId, parentSpanId, state, name, kind, attributes, links, error } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId !== null && { parentSpanId }),
    ...(state !== null && { traceState: state }),
    name,
    kind: spanKinds[kind],
    startTimeUnixNano: nanoseconds(span.startedAt),
    endTimeUnixNano: nanoseconds(Math.max(span.startedAt, span.endedAt)),
    attributes: otlpAttributes(attributes),
    ...(links.length > 0 && { links: links.map((link) => ({ ...link })) }),
    status: error === null ? {} : { code: errorStatus, message: error },
  };
}

/** Epoch milliseconds as nanoseconds, in text. */
export function nanoseconds(milliseconds: number): string {
  return String(BigInt(Math.round(milliseconds * 1_000)) * 1_000n);
}

export function otlpAttributes(attributes: Attributes): JsonObject[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueJson(value) }));
}

function valueJson(value: string | number | boolean): JsonObject {
  if (typeof value === 'string') return { stringValue: value.toWellFormed() };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
