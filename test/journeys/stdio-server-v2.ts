import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { createTools } from './sdk-tools.ts';

/** A server of SDK 2.x over standard input and output, in the era of whoever speaks first. */
const tools = createTools();
serveStdio(() => tools.modern());
