import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { legacyNews } from './news-servers.ts';

/** A server of SDK 1.x over standard input and output whose resource and tools change. */
await legacyNews().connect(new StdioServerTransport());
