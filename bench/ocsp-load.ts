import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

// Asks an OCSP responder on sixteen connections, one request at a time on each, and tells how many were answered a second.

const { port, milliseconds, requests } = workerData as {
  readonly port: number;
  readonly milliseconds: number;
  readonly requests: readonly Uint8Array[];
};
const posts = requests.map((request) =>
  Buffer.concat([
    Buffer.from(
      `POST /ocsp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/ocsp-request\r\nContent-Length: ${request.length}\r\n\r\n`,
    ),
    request,
  ]),
);

let answered = 0;
let from = performance.now();
const end = from + milliseconds * 1.5;
await Promise.all(Array.from({ length: 16 }, (_, index) => ask(index)));
parentPort?.postMessage({ count: answered, took: performance.now() - from }, []);

async function ask(first: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  let at = first;
  let heard: Buffer = Buffer.alloc(0);
  const next = (): void => void socket.write(posts[at++ % posts.length] ?? '');
  socket.on('connect', next);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      heard = heard.length === 0 ? chunk : Buffer.concat([heard, chunk]);
      if (!isWhole(heard)) return;
      if (!heard.toString('latin1', 0, 16).startsWith('HTTP/1.1 200 '))
        reject(new Error(heard.toString('latin1')));
      heard = Buffer.alloc(0);
      answered += 1;
      const now = performance.now();
      // The first third warms up.
      if (from < end - milliseconds && now >= end - milliseconds) {
        from = now;
        answered = 0;
        parentPort?.postMessage('warm', []);
      }
      if (now < end) return next();
      socket.destroy();
      resolve();
    });
  });
}

function isWhole(octets: Buffer): boolean {
  const head = octets.indexOf('\r\n\r\n');
  if (head === -1) return false;
  const length = /content-length: (\d+)/i.exec(octets.toString('latin1', 0, head))?.[1];
  return octets.length >= head + 4 + Number(length);
}
