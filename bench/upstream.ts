import { createServer } from 'node:http';

/** The MCP server that all contestants stand in front of: one answer, as fast as Node can give it. */
const answer = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  result: { resultType: 'complete', content: [{ type: 'text', text: 'x'.repeat(200) }] },
});
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) };
const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => response.writeHead(200, headers).end(answer));
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(String(typeof address === 'object' && address ? address.port : 0));
});
