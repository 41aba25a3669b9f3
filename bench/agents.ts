import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';

/** Agents at work in a process of their own: each on its connections, one call at a time, with a pause between. */
interface Order {
  readonly port: number;
  readonly authority: string;
  /** Folders with `certificate.pem` and `key.pem`. */
  readonly agents: readonly string[];
  readonly connectionsEach: number;
  readonly pauseMilliseconds: number;
  /** How long they connect and call before anything is counted. */
  readonly warmMilliseconds: number;
  /** How long is counted. */
  readonly milliseconds: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
const body = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'echo',
    arguments: { message: 'x'.repeat(64) },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});
const request = [
  'POST /mcp/echo HTTP/1.1',
  `Host: localhost:${order.port}`,
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
  'MCP-Protocol-Version: 2026-07-28',
  'Mcp-Method: tools/call',
  'Mcp-Name: echo',
  `Content-Length: ${Buffer.byteLength(body)}`,
  '',
  body,
].join('\r\n');
const times: number[] = [];
let refused = 0;

const begin = performance.now() + order.warmMilliseconds;
const end = begin + order.milliseconds;
await Promise.all(
  order.agents.flatMap((folder) => Array.from({ length: order.connectionsEach }, () => work(folder))),
);
times.sort((a, b) => a - b);
const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
process.stdout.write(
  JSON.stringify({ answered: times.length, refused, p50: at(0.5), p99: at(0.99), worst: times.at(-1) ?? 0 }),
);

/** Calls until the time is over, on a new connection whenever one ends. */
async function work(folder: string): Promise<void> {
  while (performance.now() < end) {
    const socket = await open(folder);
    while (!socket.destroyed && performance.now() < end) {
      const began = performance.now();
      const status = await call(socket);
      const counts = began >= begin;
      if (counts && status === '200') times.push(performance.now() - began);
      else if (counts) refused += 1;
      if (order.pauseMilliseconds > 0) await pause(order.pauseMilliseconds * (0.5 + Math.random()));
    }
    socket.destroy();
  }
}

function open(folder: string): Promise<TLSSocket> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: order.port,
      servername: 'localhost',
      cert: readFileSync(join(folder, 'certificate.pem')),
      key: readFileSync(join(folder, 'key.pem')),
      ca: readFileSync(order.authority),
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', () => resolve(socket));
  });
}

/** The status of the answer, '' when the connection ended instead. */
function call(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (status: string): void => {
      socket.off('data', heard);
      socket.off('close', lost);
      resolve(status);
    };
    const heard = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head + 2))?.[1];
      if (head >= 0 && length !== undefined && text.length >= head + 4 + Number(length)) {
        finish(text.slice(9, 12));
      }
    };
    const lost = (): void => finish('');
    socket.on('data', heard).once('close', lost);
    if (socket.destroyed) lost();
    else socket.write(request);
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
