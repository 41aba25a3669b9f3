import { readFileSync, writeFileSync } from 'node:fs';
import { faultCodes } from '../src/kernel/fault-codes.ts';

/** Rewrites the table of docs/faults.md from the code; the words around the table stay. */
const path = 'docs/faults.md';
const rows = Object.entries(faultCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
const [head = ''] = readFileSync(path, 'utf8').split('| code | meaning |');
writeFileSync(path, `${head}| code | meaning |\n|---|---|\n${rows.join('\n')}\n`);
