import { createInterface } from 'node:readline';

/** A legacy MCP server over standard input and output that costs next to nothing: every call is answered with 200 characters. */
interface Request {
  readonly id?: number | string;
  readonly method: string;
}

const results: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'bench', version: '1' },
  },
  'tools/list': { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] },
  'tools/call': { content: [{ type: 'text', text: 'x'.repeat(200) }] },
  ping: {},
};

createInterface(process.stdin).on('line', (line) => {
  const { id, method } = JSON.parse(line) as Request;
  if (id === undefined) return;
  const result = results[method];
  const said = result ? { result } : { error: { code: -32_601, message: 'no such method' } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...said })}\n`);
});
