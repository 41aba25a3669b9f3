import { metricCatalogue, type MetricRow } from './metric-catalogue.ts';

/** The catalogue as the table that `docs/metrics.md` ends with. */
export function metricsTable(): string {
  const head = '| name | type | labels | of | meaning |\n|---|---|---|---|---|\n';
  return `${head}${Object.values<MetricRow>(metricCatalogue).map(lineOf).join('\n')}\n`;
}

function lineOf({ name, type, labels, of, meaning, convention }: MetricRow): string {
  const more = convention === undefined ? '' : ` OpenTelemetry: \`${convention}\`.`;
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${of} | ${meaning}${more} |`;
}
