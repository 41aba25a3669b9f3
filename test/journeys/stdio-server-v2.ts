import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { createTools } from './sdk-tools.ts';

/** A server of SDK 2.x over standard input and output, in the era of whoever speaks first, or with `reject` in the modern one. */
const tools = createTools();
serveStdio(() => tools.modern(), { legacy: process.argv[2] === 'reject' ? 'reject' : 'serve' });
