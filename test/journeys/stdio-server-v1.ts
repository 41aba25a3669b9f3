import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { createTools } from './sdk-tools.ts';

/** A server of SDK 1.x over standard input and output. */
await createTools().legacy().connect(new StdioServerTransport());
