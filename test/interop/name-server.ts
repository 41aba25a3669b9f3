import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/**
 * A small name server (RFC 1035) on loopback: every name below `example.internal` is at 127.0.0.1, `texts` holds the TXT
 * records, and there is nothing else.
 */
export async function openNameServer(
  texts: ReadonlyMap<string, readonly string[]>,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const socket = createSocket('udp4');
  socket.on('message', (message, peer) => {
    const answer = answerTo(message, texts);
    if (answer) socket.send(answer, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

const types = { a: 1, txt: 16 } as const;

function answerTo(query: Buffer, texts: ReadonlyMap<string, readonly string[]>): Buffer | null {
  if (query.length < 17) return null;
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  const question = query.subarray(12, at + 5);
  const type = query.readUInt16BE(at + 1);
  const name = labels.join('.').toLowerCase();
  const values = valuesOf(name, type, texts);
  const known = values.length > 0 || texts.has(name) || name.endsWith('.example.internal');
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  // QR, AA, RD, RA; NXDOMAIN when there is no such name.
  head.writeUInt16BE(0x8580 | (known ? 0 : 3), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(values.length, 6);
  return Buffer.concat([head, question, ...values.map((value) => recordOf(type, value))]);
}

function valuesOf(name: string, type: number, texts: ReadonlyMap<string, readonly string[]>): Buffer[] {
  if (type === types.a && name.endsWith('.example.internal')) return [Buffer.of(127, 0, 0, 1)];
  if (type !== types.txt) return [];
  return (texts.get(name) ?? []).map((text) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]));
}

function recordOf(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // A pointer to the name of the question.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(value.length, 10);
  return Buffer.concat([head, value]);
}
