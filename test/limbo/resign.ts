import { createPrivateKey, sign } from 'node:crypto';
import { concat } from '../../src/kernel/bytes.ts';
import { bitString, element, sequence, tags } from '../../src/x509/der.ts';
import { readElement, readElements } from '../../src/x509/der-reader.ts';
import { decodePem, encodePem } from '../../src/x509/pem.ts';
import { writeTime } from '../../src/x509/time.ts';

/** What of a certificate is to be another. */
export interface Other {
  /** Octets of the INTEGER, as they are to stand there. */
  readonly serial: Uint8Array;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Whether the last extension is to stand there twice. */
  readonly lastTwice: boolean;
}

/** The certificate that openssl wrote, with another serial and other times, which it cannot be told; signed again. Keys on curves or RSA. */
export function resign(pem: string, other: Other, issuerKey: string, digest: string): string {
  const [der = new Uint8Array()] = decodePem(pem, 'CERTIFICATE');
  const [tbs, algorithm] = readElements(readElement(der).content);
  if (!tbs || !algorithm) throw new Error('no certificate');
  const parts = readElements(tbs.content).map(({ whole }) => whole);
  const at = parts[0]?.[0] === 0xa0 ? 1 : 0;
  parts[at] = element(tags.integer, other.serial);
  parts[at + 3] = sequence(writeTime(other.notBefore), writeTime(other.notAfter));
  if (other.lastTwice) parts.push(twice(parts.pop() ?? new Uint8Array()));
  const again = element(tags.sequence, concat(parts));
  const signature = sign(digest, again, createPrivateKey(issuerKey));
  return encodePem('CERTIFICATE', sequence(again, algorithm.whole, bitString(signature)));
}

/** The extensions, the last of them twice. */
function twice(extensions: Uint8Array): Uint8Array {
  const list = readElements(readElement(readElement(extensions).content).content).map(({ whole }) => whole);
  return element(0xa3, sequence(...list, list.at(-1) ?? new Uint8Array()));
}
