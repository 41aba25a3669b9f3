import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A program that `npm run python` or `npm run kubernetes` installs, or why a test without it is skipped. */
export interface DeployTool {
  readonly program: string;
  readonly skip: string | false;
}

const root = join(import.meta.dirname, '../..');

/** The linter of Containerfiles. */
export const hadolint = tool('.python/deploy/bin/hadolint', 'npm run python');

function tool(path: string, command: string): DeployTool {
  const program = join(root, path);
  return { program, skip: existsSync(program) ? false : `needs what ${command} installs` };
}
