import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems give to outgoing connections and to listeners that ask for any: nobody is given one of these. */
const lowest = 12_000;
const highest = 32_000;

const given = new Set<number>();

/**
 * A TCP port of 127.0.0.1 that nobody listens on, for a program that must be told one. It is given once in this process, and
 * drawn, so that test files beside each other hardly meet.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no port is free');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
