import { readFileSync, writeFileSync } from 'node:fs';
import { logEvents } from '../src/app/telemetry/log-events.ts';

/** Rewrites the table of docs/logs.md from the code; the words around the table stay. */
const path = 'docs/logs.md';
const rows = Object.entries(logEvents).map(
  ([name, { level, meaning }]) => `| \`${name}\` | ${level} | ${meaning} |`,
);
const [head = ''] = readFileSync(path, 'utf8').split('| event | level | meaning |');
writeFileSync(path, `${head}| event | level | meaning |\n|---|---|---|\n${rows.join('\n')}\n`);
