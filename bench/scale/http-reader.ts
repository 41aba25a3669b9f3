import type { Socket } from 'node:net';

/** What came back for one request. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const headEnd = '\r\n\r\n';

/** Sends one request on a connection and reads its answer; null when the connection ended before. */
export function ask(socket: Socket, request: string): Promise<Answer | null> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (answer: Answer | null): void => {
      socket.off('data', heard);
      socket.off('close', lost);
      resolve(answer);
    };
    const heard = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const end = text.indexOf(headEnd);
      if (end < 0) return;
      const [head, body] = [text.slice(0, end + 2), text.slice(end + headEnd.length)];
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      const whole = length === undefined ? body.endsWith('0\r\n\r\n') : body.length >= Number(length);
      if (whole) finish({ status: Number(head.slice(9, 12)), head, body });
    };
    const lost = (): void => finish(null);
    socket.on('data', heard).once('close', lost);
    if (socket.destroyed) lost();
    else socket.write(request);
  });
}

/** A POST of a JSON value, as octets. */
export function postOf(path: string, headers: Readonly<Record<string, string>>, value: unknown): string {
  const body = JSON.stringify(value);
  const fields = Object.entries({
    Host: 'localhost',
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    ...headers,
    'Content-Length': String(Buffer.byteLength(body)),
  });
  return `POST ${path} HTTP/1.1\r\n${fields.map(([name, field]) => `${name}: ${field}\r\n`).join('')}\r\n${body}`;
}
