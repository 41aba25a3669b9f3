import type { JsonObject } from '../kernel/canonical-json.ts';
import { type Reading, secondsBuckets, type Series } from './meters.ts';
import { nanoseconds, otlpAttributes, otlpResource, type Resource } from './otlp-traces.ts';

const cumulative = 2;

/** Measurements as an ExportMetricsServiceRequest in OTLP/JSON; counters and histograms count since `startedAt` (epoch milliseconds). */
export function otlpMetrics(
  readings: readonly Reading[],
  resource: Resource,
  at: { readonly startedAt: number; readonly now: number },
): JsonObject {
  const scope = { name: 'countersign', version: resource.version };
  const metrics = readings.map((reading) => metricJson(reading, at));
  return { resourceMetrics: [{ resource: otlpResource(resource), scopeMetrics: [{ scope, metrics }] }] };
}

function metricJson(
  { row, series }: Reading,
  { startedAt, now }: { readonly startedAt: number; readonly now: number },
): JsonObject {
  const times = { startTimeUnixNano: nanoseconds(startedAt), timeUnixNano: nanoseconds(now) };
  const points = series.map((one) => ({
    ...times,
    attributes: attributesOf(row.labels, one),
    ...valueOf(one),
  }));
  const said = { name: row.convention ?? row.name, unit: row.unit, description: row.meaning };
  switch (row.type) {
    case 'histogram':
      return { ...said, histogram: { aggregationTemporality: cumulative, dataPoints: points } };
    case 'counter':
      return { ...said, sum: { aggregationTemporality: cumulative, isMonotonic: true, dataPoints: points } };
    default:
      return { ...said, gauge: { dataPoints: points } };
  }
}

function attributesOf(names: readonly string[], { labels }: Series): JsonObject[] {
  const attributes = names.map((name, at) => [named[name] ?? name, labels[at] ?? ''] as const);
  return otlpAttributes(Object.fromEntries(attributes));
}

/** Labels that the semantic conventions have another name for. */
const named: Readonly<Record<string, string>> = { method: 'mcp.method.name' };

function valueOf({ value, buckets }: Series): JsonObject {
  if (!buckets) return { asDouble: value };
  const count = buckets.reduce((sum, inside) => sum + inside, 0);
  return {
    count: String(count),
    sum: value,
    bucketCounts: buckets.map(String),
    explicitBounds: [...secondsBuckets],
  };
}
