import { readFileSync, writeFileSync } from 'node:fs';
import { metricsTable } from '../src/telemetry/metrics-table.ts';

/** Rewrites the table of docs/metrics.md from the code; the words around the table stay. */
const path = 'docs/metrics.md';
const [head = ''] = readFileSync(path, 'utf8').split('| name | ');
writeFileSync(path, `${head}${metricsTable()}`);
