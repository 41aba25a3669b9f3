import { readFileSync, writeFileSync } from 'node:fs';
import { commandPages } from '../src/app/cli/command-pages.ts';
import { allCommands } from '../src/app/cli/commands.ts';

/** Rewrites docs/cli.md from the table of commands; the words before the exit codes stay. */
const path = 'docs/cli.md';
const [head = ''] = readFileSync(path, 'utf8').split('## Exit codes');
writeFileSync(path, `${head}${commandPages(await allCommands())}\n`);
