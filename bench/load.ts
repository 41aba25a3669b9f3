import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';

/** A load client in a process of its own: so many connections, each with one request in flight. */
interface Order {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly milliseconds: number;
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
  readonly body: string;
}

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
const head = [
  `POST ${order.path} HTTP/1.1`,
  `Host: localhost:${order.port}`,
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
  'MCP-Protocol-Version: 2026-07-28',
  'Mcp-Method: tools/call',
  'Mcp-Name: echo',
  `Content-Length: ${Buffer.byteLength(order.body)}`,
  '',
  '',
].join('\r\n');
const request = Buffer.from(head + order.body);
const times: number[] = [];
let failures = 0;

const sockets = await Promise.all(Array.from({ length: order.connections }, open));
const end = performance.now() + order.milliseconds;
await Promise.all(sockets.map((socket) => drive(socket, end)));
for (const socket of sockets) socket.destroy();
times.sort((a, b) => a - b);
process.stdout.write(
  JSON.stringify({
    requests: times.length,
    failures,
    p50: times[Math.floor(times.length * 0.5)] ?? 0,
    p99: times[Math.floor(times.length * 0.99)] ?? 0,
  }),
);

function open(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: order.port,
      servername: 'localhost',
      cert: readFileSync(order.certificate),
      key: readFileSync(order.key),
      ca: readFileSync(order.authority),
    });
    socket.once('secureConnect', () => resolve(socket)).once('error', reject);
  });
}

/** Sends, waits for the whole answer (Content-Length or chunked end), sends again. */
function drive(socket: TLSSocket, end: number): Promise<void> {
  return new Promise((resolve) => {
    let began = 0;
    let pending: Buffer = Buffer.alloc(0);
    const send = (): void => {
      if (performance.now() >= end) return resolve();
      began = performance.now();
      socket.write(request);
    };
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk;
      const size = answerSize(pending);
      if (size === null || pending.length < size) return;
      if (pending.subarray(9, 12).toString('latin1') === '200') times.push(performance.now() - began);
      else failures += 1;
      pending = pending.subarray(size);
      send();
    });
    socket.once('close', () => {
      if (performance.now() < end) failures += 1;
      resolve();
    });
    socket.on('error', () => undefined);
    send();
  });
}

function answerSize(bytes: Buffer): number | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const text = bytes.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  if (length !== undefined) return headEnd + 4 + Number(length);
  const last = bytes.indexOf('0\r\n\r\n', headEnd + 4);
  return last < 0 ? null : last + 5;
}
