import { connect } from 'node:tls';
import type { Contestant } from './contestants.ts';
import { call, callHeaders } from './measure.ts';
import { cpuMicroseconds, residentKibibytes } from './process-cost.ts';
import type { Rig } from './rig.ts';
import { tlsClient } from './tls-client.ts';

/** One answer of 100 MB, read as fast as it comes. */
export interface LargeStream {
  readonly megabytesPerSecond: number;
  /** Microseconds of CPU time a megabyte, of the contestant. */
  readonly cpu: number;
  /** How much its resident memory grew while it passed the answer on, in MiB, at the most. */
  readonly grown: number;
}

const megabyte = 1_000_000;

/** Throws when the answer is not 200 and whole. */
export async function measureLargeStream(rig: Rig, contestant: Contestant): Promise<LargeStream> {
  const resident = residentKibibytes(contestant.pids());
  const before = cpuMicroseconds(contestant.pids());
  const began = performance.now();
  let most = resident;
  const watch = setInterval(() => (most = Math.max(most, residentKibibytes(contestant.pids()))), 20);
  const octets = await fetchAll(rig, contestant);
  clearInterval(watch);
  const seconds = (performance.now() - began) / 1_000;
  return {
    megabytesPerSecond: octets / megabyte / seconds,
    cpu: (cpuMicroseconds(contestant.pids()) - before) / (octets / megabyte),
    grown: (most - resident) / 1_024,
  };
}

const lastChunk = Buffer.from('\r\n0\r\n\r\n');

function fetchAll(rig: Rig, contestant: Contestant): Promise<number> {
  const fields = Object.entries(callHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${contestant.path('100m')} HTTP/1.1\r\nHost: localhost:${contestant.port}\r\n${fields.join('')}`;
  return new Promise((resolve, reject) => {
    const socket = connect(tlsClient(rig, contestant));
    let octets = 0;
    let tail: Buffer = Buffer.alloc(0);
    socket.once('secureConnect', () =>
      socket.write(`${head}Content-Length: ${Buffer.byteLength(call)}\r\n\r\n${call}`),
    );
    socket.on('data', (chunk: Buffer) => {
      if (octets === 0 && chunk.toString('latin1', 9, 12) !== '200')
        socket.destroy(new Error(`${contestant.name} answered ${chunk.toString('latin1', 9, 200)}`));
      octets += chunk.length;
      tail = Buffer.concat([tail, chunk]).subarray(-lastChunk.length);
      if (!tail.equals(lastChunk)) return;
      socket.destroy();
      resolve(octets);
    });
    socket.once('error', reject).once('close', () => reject(new Error(`${contestant.name} broke off`)));
  });
}
