import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * Loaded before the official suite where it is the client of our authorization server: its HTTP client shows the certificate of an agent, as that of
 * every program with one does. The suite itself knows of none.
 */
const suite = createRequire(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
);
const { Agent, setGlobalDispatcher } = suite('undici') as typeof import('undici');
const file = (name: string): string => readFileSync(process.env[name] ?? '', 'utf8');
const connect = { ca: file('MCP_CA_CERT'), cert: file('MCP_CLIENT_CERT'), key: file('MCP_CLIENT_KEY') };
setGlobalDispatcher(new Agent({ connect }));
