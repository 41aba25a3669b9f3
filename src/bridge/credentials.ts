import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import { decodePem } from '../x509/pem.ts';

/** What the bridge shows to the gateway and whom it trusts. All PEM. */
export interface Credentials {
  /** Leaf first. */
  readonly certificate: string;
  readonly key: string;
  /** The only roots that are trusted; null trusts those of the system. */
  readonly roots: string | null;
  readonly leaf: Certificate;
}

/**
 * Puts certificate, key and roots together. `place` names them for people.
 * Throws Fault `malformed_pem`, `malformed_der` or `key_unacceptable`; `conflict` when the key is another's.
 */
export function readCredentials(
  files: Pick<Credentials, 'certificate' | 'key' | 'roots'>,
  place: string,
): Credentials {
  const leaf = readLeaf(files.certificate);
  if (!belongsTo(leaf, readKey(files.key, place))) {
    throw new Fault('conflict', `The key and the certificate of ${place} do not belong together.`);
  }
  if (files.roots !== null) decodePem(files.roots, 'CERTIFICATE').map(readCertificate);
  return { ...files, leaf };
}

/** Whether a certificate was made for a private key. */
export function belongsTo(leaf: Pick<Certificate, 'spki'>, key: KeyObject): boolean {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return equalBytes(new Uint8Array(spki), leaf.spki);
}

function readLeaf(pem: string): Certificate {
  const [der] = decodePem(pem, 'CERTIFICATE');
  if (!der) throw new Fault('malformed_pem', 'The text holds no certificate.');
  return readCertificate(der);
}

function readKey(pem: string, place: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Fault('malformed_pem', `The key of ${place} is not an unencrypted private key in PEM.`, {
      cause,
    });
  }
}
