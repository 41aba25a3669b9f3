import { join } from 'node:path';

/** The command of the MCP server of standard input and output that all start who put one behind HTTP. */
export const stdioCommand: readonly string[] = [
  process.execPath,
  join(import.meta.dirname, 'stdio-server.ts'),
];
