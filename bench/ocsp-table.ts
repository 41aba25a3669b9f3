import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { PublishedEnds } from '../src/app/listeners/plain-routes.ts';
import { answerPlain } from '../src/app/listeners/plain-routes.ts';
import { certify } from '../src/ca/certify.ts';
import { memoryAuthority } from '../src/ca/memory-authority.ts';
import { openOcspResponder, type OcspResponder } from '../src/ca/ocsp.ts';
import { signingKey } from '../src/ca/signing-key.ts';
import { freshKey, specimenOrder, specimenRequest } from '../src/ca/specimen-request.ts';
import { listen } from '../src/http/listen.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { keyBits } from '../src/x509/extensions.ts';
import { buildOcspRequest, writeCertId } from '../src/x509/ocsp-request.ts';

/** Certificates that are asked about in turn. */
const certificates = 1_000;

/** OCSP answers in a second, kept and signed, by call and through the plain listener, as lines of Markdown. */
export async function ocspTable(milliseconds: number): Promise<readonly string[]> {
  const { responder, kept, live } = await prepare();
  const rows = [
    row('kept answers, by call', await calls(responder, kept, milliseconds)),
    row('answers to a nonce, each signed, by call', await calls(responder, live, milliseconds)),
  ];
  await using listener = await listen({
    name: 'plain',
    host: '127.0.0.1',
    port: 0,
    tls: null,
    hosts: [],
    origins: [],
    clock: systemClock,
    oldest: '1.0',
    handle: (exchange) =>
      answerPlain(exchange, {
        authority: {
          trustDomain: '',
          rootFingerprint: '',
          roots: '',
          rootNotAfter: 0,
          intermediateNotAfter: 0,
        },
        ends: { ocsp: responder } as unknown as PublishedEnds,
        scep: null,
        now: Date.now(),
      }),
  });
  for (const [name, requests] of [
    ['kept answers, POST on 16 connections', kept],
    ['answers to a nonce, POST on 16 connections', live],
  ] as const) {
    rows.push(row(name, await load(listener.port, requests, milliseconds)));
  }
  return [
    '| OCSP | answers/s | answers for a second of the processor time of the responder |',
    '|---|--:|--:|',
    ...rows,
  ];
}

interface Measured {
  readonly count: number;
  /** Milliseconds. */
  readonly took: number;
  /** Of this thread, in milliseconds. */
  readonly cpu: number;
}

function row(name: string, { count, took, cpu }: Measured): string {
  return `| ${name} | ${((count * 1_000) / took).toFixed(0)} | ${((count * 1_000) / cpu).toFixed(0)} |`;
}

/** Processor time of this thread, in milliseconds. */
function spent(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

async function prepare(): Promise<{
  readonly responder: OcspResponder;
  readonly kept: readonly Uint8Array[];
  readonly live: readonly Uint8Array[];
}> {
  const authority = memoryAuthority();
  const { issuer, records } = authority;
  const key = freshKey();
  const evidence = { kind: 'ocsp', name: 'responder' } as const;
  const request = specimenRequest('responder', {}, key);
  const certificate = await certify(specimenOrder({ evidence, request }), authority);
  const responder = await openOcspResponder(
    { issuer, records, clock: authority.clock, life: 3_600_000, signaturesPerSecond: 1e9 },
    { certificate, key: signingKey(key) },
  );
  const sha1 = (octets: Uint8Array): Uint8Array => createHash('sha1').update(octets).digest();
  const kept: Uint8Array[] = [];
  const live: Uint8Array[] = [];
  for (let at = 0; at < certificates; at++) {
    const { serial } = await certify(specimenOrder(), authority);
    const id = writeCertId({
      hashAlgorithm: 'sha1',
      issuerNameHash: sha1(issuer.certificate.subjectDer),
      issuerKeyHash: sha1(keyBits(issuer.certificate.spki)),
      serial,
    });
    kept.push(buildOcspRequest([id]));
    live.push(buildOcspRequest([id], new Uint8Array(32).fill(at)));
  }
  return { responder, kept, live };
}

async function calls(
  responder: OcspResponder,
  requests: readonly Uint8Array[],
  milliseconds: number,
): Promise<Measured> {
  let count = 0;
  let began = 0;
  let before = 0;
  // The first half warms up.
  for (const part of ['warm', 'measured']) {
    began = performance.now();
    before = spent();
    count = 0;
    while (performance.now() - began < (part === 'warm' ? milliseconds / 2 : milliseconds)) {
      for (const request of requests.slice(0, 100)) await responder.answer(request);
      count += 100;
    }
  }
  return { count, took: performance.now() - began, cpu: spent() - before };
}

/** A thread of its own asks, so that the listener has one to itself. */
async function load(port: number, requests: readonly Uint8Array[], milliseconds: number): Promise<Measured> {
  const worker = new Worker(new URL('./ocsp-load.ts', import.meta.url), {
    workerData: { port, milliseconds, requests },
  });
  let before = 0;
  return await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', (said: 'warm' | Pick<Measured, 'count' | 'took'>) => {
      if (said === 'warm') before = spent();
      else resolve({ ...said, cpu: spent() - before });
    });
  });
}
