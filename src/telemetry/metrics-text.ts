import { type Reading, secondsBuckets, type Series } from './meters.ts';

/** The two formats that Prometheus reads. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

export const metricsMedia: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** The format that the Accept header of a scrape asks for; the older one unless it names the newer. */
export function formatAsked(accept: string | null): MetricsFormat {
  return accept !== null && /application\/openmetrics-text/i.test(accept) ? 'openmetrics' : 'prometheus';
}

/** Writes measurements down as Prometheus text 0.0.4 or OpenMetrics 1.0.0. */
export function metricsText(readings: readonly Reading[], format: MetricsFormat): string {
  const lines: string[] = [];
  for (const { row, series } of readings) {
    const { name, type, labels, unit } = row;
    const open = format === 'openmetrics';
    // OpenMetrics: the samples of a counter have the suffix, its family does not.
    const family = open && type === 'counter' ? name.replace(/_total$/, '') : name;
    lines.push(`# HELP ${family} ${escapeHelp(row.meaning, open)}`, `# TYPE ${family} ${type}`);
    if (open && unit === 's' && family.endsWith('_seconds')) lines.push(`# UNIT ${family} seconds`);
    if (open && unit === 'By' && family.endsWith('_bytes')) lines.push(`# UNIT ${family} bytes`);
    for (const one of series) {
      if (one.buckets) lines.push(...histogramLines(name, labels, one, one.buckets));
      else lines.push(`${name}${labelText(labels, one.labels)} ${one.value}`);
    }
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function histogramLines(
  name: string,
  names: readonly string[],
  { labels, value }: Series,
  buckets: readonly number[],
): readonly string[] {
  let count = 0;
  const lines = buckets.map((inside, at) => {
    count += inside;
    const bound = secondsBuckets[at];
    const le = bound === undefined ? '+Inf' : String(bound);
    return `${name}_bucket${labelText([...names, 'le'], [...labels, le])} ${count}`;
  });
  const own = labelText(names, labels);
  return [...lines, `${name}_sum${own} ${value}`, `${name}_count${own} ${count}`];
}

function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return '';
  const pairs = names.map((name, at) => `${name}="${escapeValue(values[at] ?? '')}"`);
  return `{${pairs.join(',')}}`;
}

function escapeValue(text: string): string {
  return text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function escapeHelp(text: string, open: boolean): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return open ? escaped.replaceAll('"', '\\"') : escaped;
}
