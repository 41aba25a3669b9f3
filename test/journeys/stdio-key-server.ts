import { readFileSync } from 'node:fs';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { keyTools } from './key-server.ts';

/** A server of SDK 2.x that was given its key as a variable; which keys count stands in the file that its argument names. */
const { KEY = '' } = process.env;
const valid = (): readonly string[] => readFileSync(process.argv[2] ?? '', 'utf8').split('\n');
serveStdio(() => keyTools(() => (valid().includes(KEY) ? KEY : 'a key that does not count')), {
  legacy: process.argv[3] === 'reject' ? 'reject' : 'serve',
});
