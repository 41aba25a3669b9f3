import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Presentable } from '../../journeys/deployment.ts';

/** Writes octets to where a URL points, and waits until they are answered, or nothing more comes. */
export async function sendOctets(
  url: string,
  shown: Pick<Presentable, 'ca' | 'cert' | 'key'> | null,
  octets: string | readonly string[],
): Promise<string> {
  const { hostname, port, protocol } = new URL(url);
  const at = { host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port) };
  const socket: Socket =
    protocol === 'https:'
      ? connectTls({ ...at, ca: shown?.ca, cert: shown?.cert, key: shown?.key, servername: 'localhost' })
      : connectPlain(at);
  const heard: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (piece: Buffer) => void heard.push(piece));
  const closed = once(socket, 'close').catch(() => undefined);
  for (const piece of typeof octets === 'string' ? [octets] : octets) socket.write(piece);
  const pause = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => setTimeout(resolve, milliseconds));
  const quiet = async (): Promise<void> => {
    let before = -1;
    while (!socket.destroyed && (heard.length === 0 || heard.length !== before)) {
      before = heard.length;
      await pause(before === 0 ? 30 : 120);
    }
  };
  await Promise.race([closed, quiet(), pause(1_500)]);
  socket.destroy();
  return Buffer.concat(heard).toString('latin1');
}

/** One request as octets. */
export function requestOctets(url: string, headers: Readonly<Record<string, string>>, body: string): string {
  const { host, pathname } = new URL(url);
  const length = Buffer.byteLength(body);
  const lines = Object.entries({ host, ...headers, 'content-length': String(length) });
  return `POST ${pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}
