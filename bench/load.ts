import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/**
 * A load client in a process of its own: so many connections, each with one request in flight. It connects, says
 * `ready`, waits for a line, runs, and prints what it saw as JSON; so connecting is not part of what is measured.
 */
export interface Order {
  readonly port: number;
  /** Plain TCP when null. */
  readonly tls: { readonly authority: string; readonly identities: readonly Identity[] } | null;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly milliseconds: number;
  readonly body: string;
  /** What opens a session of the earlier era, which each connection does first; null for none. */
  readonly opening: string | null;
}

/** Files of a client certificate; connections take turns with them. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** What a load client saw. */
export interface Seen {
  readonly requests: number;
  readonly failures: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
/** How a chunked answer ends. */
const lastChunk = Buffer.from('\r\n0\r\n\r\n');
const times: number[] = [];
let failures = 0;

const sockets = await Promise.all(Array.from({ length: order.connections }, (_, at) => open(at)));
const requests = await Promise.all(sockets.map(requestFor));
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
const end = performance.now() + order.milliseconds;
await Promise.all(sockets.map((socket, at) => drive(socket, requests[at] ?? requestOf(order.body), end)));
for (const socket of sockets) socket.destroy();
times.sort((a, b) => a - b);
const seen: Seen = { requests: times.length, failures, p50: quantile(0.5), p99: quantile(0.99) };
process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exit();

function quantile(part: number): number {
  return times[Math.floor(times.length * part)] ?? 0;
}

function open(at: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port: order.port };
    const identity = order.tls?.identities[at % order.tls.identities.length];
    const socket = order.tls
      ? connectTls({
          ...to,
          servername: 'localhost',
          ca: readFileSync(order.tls.authority),
          ...(identity && { cert: readFileSync(identity.certificate), key: readFileSync(identity.key) }),
        })
      : connectPlain(to);
    socket.setNoDelay(true);
    socket.once(order.tls ? 'secureConnect' : 'connect', () => resolve(socket)).once('error', reject);
  });
}

function requestOf(body: string, session: string | null = null): Buffer {
  const headers = { ...order.headers, ...(session !== null && { 'Mcp-Session-Id': session }) };
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const first = `POST ${order.path} HTTP/1.1\r\nHost: localhost:${order.port}\r\n`;
  return Buffer.from(`${first}${fields.join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** The request of a connection, with the session that it opens where it needs one. */
async function requestFor(socket: Socket): Promise<Buffer> {
  if (order.opening === null) return requestOf(order.body);
  const head = await answerTo(socket, requestOf(order.opening));
  const session = /\r\nmcp-session-id: *(\S+)/i.exec(head)?.[1] ?? null;
  const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
  await answerTo(socket, requestOf(initialized, session));
  return requestOf(order.body, session);
}

/** The head of an answer, once octets come no more for a moment: only used before anything is measured. */
function answerTo(socket: Socket, octets: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    let timer: NodeJS.Timeout | null = null;
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (timer) clearTimeout(timer);
      timer = setTimeout(() => {
        socket.off('data', take);
        resolve(text.slice(0, text.indexOf('\r\n\r\n') + 2));
      }, 200);
    };
    socket.on('data', take);
    socket.write(octets);
  });
}

/** Sends, waits for the whole answer, sends again. */
function drive(socket: Socket, request: Buffer, end: number): Promise<void> {
  return new Promise((resolve) => {
    let began = 0;
    let pieces: Buffer[] = [];
    let had = 0;
    /** The size of an answer with Content-Length, once its head was read. */
    let size: number | null = null;
    const send = (): void => {
      if (performance.now() >= end) return resolve();
      began = performance.now();
      socket.write(request);
    };
    socket.on('data', (chunk: Buffer) => {
      pieces.push(chunk);
      had += chunk.length;
      if (size === null) {
        const head = Buffer.concat(pieces).toString('latin1', 0, 4_096);
        const headEnd = head.indexOf('\r\n\r\n');
        if (headEnd < 0) return;
        const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, headEnd))?.[1];
        size = length === undefined ? Number.POSITIVE_INFINITY : headEnd + 4 + Number(length);
      }
      const whole = size === Number.POSITIVE_INFINITY ? endsChunked(pieces, chunk) : had >= size;
      if (!whole) return;
      if ((pieces[0] ?? chunk).toString('latin1', 9, 12) === '200') times.push(performance.now() - began);
      else failures += 1;
      [pieces, had, size] = [[], 0, null];
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

function endsChunked(pieces: readonly Buffer[], last: Buffer): boolean {
  const tail = last.length >= lastChunk.length ? last : Buffer.concat(pieces);
  return tail.subarray(-lastChunk.length).equals(lastChunk);
}
