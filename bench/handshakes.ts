import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, type TLSSocket } from 'node:tls';
import type { Contestant } from './contestants.ts';
import { cpuMicroseconds } from './process-cost.ts';
import type { Rig } from './rig.ts';

/** Mutual handshakes with one contestant. */
export interface Handshakes {
  readonly perSecond: number;
  /** Microseconds of CPU time each, of the contestant. */
  readonly cpu: number;
  readonly failures: number;
  /** How many of them resumed a session. */
  readonly resumed: number;
}

interface Order {
  readonly port: number;
  readonly roots: string;
  readonly certificate: string;
  readonly key: string;
  readonly resume: boolean;
  readonly milliseconds: number;
}

/** Clients that connect, finish the handshake, and leave. */
const clients = 4;

/** Opens connections one after the other, for a while; `resume` shows the ticket of the one before. */
export async function measureHandshakes(
  rig: Rig,
  contestant: Contestant,
  { resume, milliseconds }: { readonly resume: boolean; readonly milliseconds: number },
): Promise<Handshakes> {
  const [identity] = rig.identities;
  if (!identity) throw new Error('The rig has no identity.');
  const order: Order = { port: contestant.port, roots: rig.roots, ...identity, resume, milliseconds };
  const child = spawn(process.execPath, [import.meta.filename, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const before = cpuMicroseconds(contestant.pids());
  const { value } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
  const cpu = cpuMicroseconds(contestant.pids()) - before;
  if (value === undefined) throw new Error(`Handshakes with ${contestant.name} ended without a result.`);
  const seen = JSON.parse(value) as { count: number; failures: number; resumed: number };
  return {
    perSecond: (seen.count * 1_000) / milliseconds,
    cpu: cpu / Math.max(1, seen.count),
    failures: seen.failures,
    resumed: seen.resumed,
  };
}

if (process.argv[1] === import.meta.filename) await run(JSON.parse(process.argv[2] ?? '{}') as Order);

async function run(order: Order): Promise<void> {
  const options = {
    host: '127.0.0.1',
    port: order.port,
    servername: 'localhost',
    ca: readFileSync(order.roots),
    cert: readFileSync(order.certificate),
    key: readFileSync(order.key),
  };
  const seen = { count: 0, failures: 0, resumed: 0 };
  const end = performance.now() + order.milliseconds;
  const client = async (): Promise<void> => {
    let session: Buffer | undefined;
    while (performance.now() < end) {
      const socket = connect({ ...options, ...(session && { session }) });
      try {
        const ticket = await shaken(socket, order.resume);
        if (order.resume) session = ticket ?? session;
        seen.count += 1;
        if (socket.isSessionReused()) seen.resumed += 1;
      } catch {
        seen.failures += 1;
      }
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

/**
 * Resolves when the handshake is done for both sides: with TLS 1.3 a server speaks first when it has accepted the
 * client's certificate, and what it says is a ticket.
 */
function shaken(socket: TLSSocket, wantsTicket: boolean): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    // A server that gives no ticket on resumption is not waited for.
    const patience = setTimeout(() => resolve(null), 200);
    const done = (ticket: Buffer | null): void => {
      clearTimeout(patience);
      resolve(ticket);
    };
    socket.once('session', done);
    if (!wantsTicket) socket.once('secureConnect', () => done(null));
  });
}
