import type { TLSSocket } from 'node:tls';
import type { Contestant } from './contestants.ts';
import { residentKibibytes } from './process-cost.ts';
import type { Rig } from './rig.ts';
import { connected, tlsClient } from './tls-client.ts';

/** How many connections are opened before the first measure, so that what is there once does not count. */
const warming = 100;

/** Resident memory in KiB that each of so many idle connections costs a contestant, and how much it holds in all. */
export async function measureIdle(
  rig: Rig,
  contestant: Contestant,
  connections: number,
): Promise<{ readonly each: number; readonly total: number }> {
  const sockets: TLSSocket[] = [];
  const open = async (count: number): Promise<void> => {
    for (let opened = 0; opened < count; opened++)
      sockets.push(await connected(tlsClient(rig, contestant, sockets.length)));
  };
  await open(warming);
  const before = residentKibibytes(contestant.pids());
  await open(connections);
  const total = residentKibibytes(contestant.pids());
  for (const socket of sockets) socket.destroy();
  return { each: (total - before) / connections, total };
}
