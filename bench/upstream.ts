import { createServer, type Socket } from 'node:net';
import { answers } from './answers.ts';

/**
 * The MCP server that all contestants stand in front of. It must cost next to nothing, so it reads no more of a request
 * than its target and its length and writes an answer made ahead: `/300b`, `/4k`, `/100k`, `/sse`, `/100m`; at
 * `/session` it opens one.
 */
const prepared = new Map(Object.entries(answers).map(([name, make]) => [`/${name}`, make()]));
const headEnd = Buffer.from('\r\n\r\n');

const server = createServer({ noDelay: true }, (socket) => {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk;
    for (;;) {
      const end = pending.indexOf(headEnd);
      if (end < 0) return;
      const head = pending.toString('latin1', 0, end);
      const size = end + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (pending.length < size) return;
      pending = pending.subarray(size);
      answer(socket, head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/')));
    }
  });
});

function answer(socket: Socket, target: string): void {
  if (target === '/100m') return void sendLarge(socket);
  if (target === '/session') return void socket.write(newSession());
  socket.write(prepared.get(target) ?? 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
}

let sessions = 0;

/** The answer to `initialize`, with a session id of its own. */
function newSession(): string {
  const result = {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'bench', version: '1' },
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, result });
  const fields = `content-type: application/json\r\nmcp-session-id: session-${++sessions}`;
  return `HTTP/1.1 200 OK\r\n${fields}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** 100 MB as an event stream of events of 64 KiB, as fast as the reader takes them. */
async function sendLarge(socket: Socket): Promise<void> {
  const event = Buffer.from(
    `event: message\ndata: {"jsonrpc":"2.0","method":"x","params":"${'x'.repeat(65_400)}"}\n\n`,
  );
  const chunk = Buffer.concat([Buffer.from(`${event.length.toString(16)}\r\n`), event, Buffer.from('\r\n')]);
  socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
  let goOn = (): void => undefined;
  socket.on('drain', () => goOn()).once('close', () => goOn());
  for (let sent = 0; sent < 100_000_000 && !socket.destroyed; sent += event.length) {
    if (!socket.write(chunk)) await new Promise<void>((resolve) => (goOn = resolve));
  }
  socket.removeAllListeners('drain');
  socket.write('0\r\n\r\n');
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address ? address.port : 0}\n`);
});
