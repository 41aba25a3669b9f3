import { connect, type TLSSocket } from 'node:tls';
import { openTown, type Presentable, type Town } from '../test/journeys/deployment.ts';
import { openLegacyServer } from '../test/journeys/mcp-servers.ts';
import { openRawSession, type RawSession } from '../tour/raw-request.ts';

/**
 * From the order to revoke a certificate to the first refused request and to the end of the live stream, while a gateway has
 * many connections open: `npm run bench:revocations`. A hundred agents with a session and a live stream each, and idle
 * connections of theirs with a request now and then; one is revoked after the other. Authority, gateway and clients are one process on this machine.
 */
const connections = Number(process.env['REVOCATION_CONNECTIONS'] ?? 5_000);
const agents = 100;

interface Live {
  readonly shown: Presentable;
  readonly session: RawSession;
}

await using old = await openLegacyServer();
await using town = await openTown();
await town.addHttpServer('old', old.url);
await town.permit('permit (principal, action, resource);');
const live: Live[] = [];
for (let at = 0; at < agents; at += 1) {
  const name = `bot-${at}`;
  await town.addAgent(name);
  const shown = await town.issue(name);
  live.push({ shown, session: await openRawSession(town.endpoint('old'), shown) });
}
const idle = await openIdle(town, live);
const cut: number[] = [];
const refused: number[] = [];
const open = idle.filter((socket) => !socket.destroyed).length + 2 * agents;
for (const { shown, session } of live) {
  const began = performance.now();
  const ended = session.streamCut.then(() => performance.now() - began);
  const order = town.deployment.authority.revoke({ serial: shown.serial, reason: 'bench' }, 'bench');
  while ((await session.ping()).status === 200);
  refused.push(performance.now() - began);
  cut.push(await ended);
  await order;
  session.close();
}
print(`| with ${open} connections open | p50 ms | p99 ms | slowest ms |\n|---|--:|--:|--:|`);
row('from the order to the first refusal', refused);
row('from the order to the end of the live stream', cut);
const left = idle.filter((socket) => !socket.destroyed).length;
print(`\n${left} idle connections of revoked agents are left at the end.`);
for (const socket of idle) socket.destroy();

/** Connections that the agents hold without a request, opened eight at a time. */
async function openIdle(place: Town, holders: readonly Live[]): Promise<readonly TLSSocket[]> {
  const { port } = new URL(place.endpoint('old'));
  const sockets: TLSSocket[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < connections - 2 * agents) {
      const holder = holders[next++ % holders.length];
      if (!holder) return;
      const { cert, key, ca } = holder.shown;
      const socket = connect({
        host: '127.0.0.1',
        port: Number(port),
        servername: 'localhost',
        cert,
        key,
        ca,
      });
      socket.on('error', () => undefined);
      await new Promise<void>((resolve) => {
        socket.once('secureConnect', resolve).once('close', () => resolve());
      });
      askAgainAndAgain(socket, port);
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return sockets;
}

/** A connection on which nothing is asked is closed after a while, so each asks for what is not there, now and then. */
function askAgainAndAgain(socket: TLSSocket, port: string): void {
  const ask = (): void => void socket.write(`GET /none HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  ask();
  socket.resume();
  const timer = setInterval(ask, 30_000);
  socket.once('close', () => clearInterval(timer));
}

function row(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const share = (part: number): string => (sorted[Math.floor(part * sorted.length)] ?? 0).toFixed(0);
  print(`| ${what} | ${share(0.5)} | ${share(0.99)} | ${(sorted.at(-1) ?? 0).toFixed(0)} |`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
