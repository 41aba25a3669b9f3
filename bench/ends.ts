import { generateKeyPairSync } from 'node:crypto';
import { signatureAlgorithmFor, signTbs } from '../src/x509/build-certificate.ts';
import { assembleCrl, buildCrlTbs, type CrlEntry } from '../src/x509/build-crl.ts';
import { isCrlSignedBy, readCrl } from '../src/x509/crl.ts';
import { writeName } from '../src/x509/name.ts';
import { drawSerial } from '../src/ca/draw-serial.ts';
import { ocspTable } from './ocsp-table.ts';
import { timed } from './timed.ts';

// What the ends of certificates cost: lists that are written, signed, read back and verified; answers that are kept and signed.

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const algorithm = signatureAlgorithmFor(privateKey);
const now = Date.now();
const reasons = ['unspecified', 'keyCompromise', 'superseded'] as const;

function entriesOf(count: number): readonly CrlEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    serial: drawSerial(),
    revokedAt: now - at * 613,
    reason: reasons[at % reasons.length] ?? 'unspecified',
  }));
}

function write(entries: readonly CrlEntry[]): Uint8Array {
  const tbs = buildCrlTbs(
    {
      issuerDer: writeName({ commonName: 'bench' }),
      authorityKeyId: 'ab'.repeat(20),
      thisUpdate: now,
      nextUpdate: now + 86_400_000,
      number: 1,
      url: 'http://pki.example.internal/crl/bench.crl',
      entries,
    },
    algorithm,
  );
  return assembleCrl(tbs, algorithm, signTbs(tbs, privateKey));
}

say('## Certificate revocation lists\n');
say('| entries | octets | written and signed, ms p50 | p99 | read and verified, ms p50 | p99 |');
say('|--:|--:|--:|--:|--:|--:|');
for (const [count, times] of [
  [1_000, 100],
  [10_000, 40],
  [100_000, 12],
  [1_000_000, 3],
] as const) {
  const entries = entriesOf(count);
  const der = write(entries);
  const written = timed(times, () => write(entries));
  const read = timed(times, () => isCrlSignedBy(readCrl(der), publicKey));
  const cells = [written.p50, written.p99, read.p50, read.p99].map((micros) => (micros / 1_000).toFixed(1));
  say(`| ${count} | ${der.length} | ${cells.join(' | ')} |`);
}

say('\n## OCSP\n');
for (const line of await ocspTable(3_000)) say(line);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
