import { createPrivateKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { spkiOf } from '../x509/build-certificate.ts';
import { type Certificate, isSignedBy, readCertificate } from '../x509/certificate.ts';
import { checkValidity } from '../x509/leaf-profile.ts';
import { decodePem } from '../x509/pem.ts';
import { checkPublicKey } from '../x509/public-key.ts';
import { checkTrustDomain } from '../x509/spiffe-id.ts';
import type { AuthorityOptions, NewAuthority } from './create-authority.ts';
import { createIntermediate } from './create-intermediate.ts';
import { checkNameConstraints } from './name-constraints.ts';

/** A root that exists already, such as one made with `openssl genrsa` and `openssl req -x509`. */
export interface ImportOptions extends AuthorityOptions {
  readonly rootCertificatePem: string;
  /** PKCS #1, SEC 1 or PKCS #8 in PEM. */
  readonly rootKeyPem: string;
  /** Of the key, when it is encrypted. */
  readonly passphrase?: string;
}

/**
 * Signs a new intermediate with an existing root. Throws what `readRootToImport` and `readRootKey` throw.
 */
export function importRoot(options: ImportOptions): NewAuthority {
  const rootCertificate = readRootToImport(options.rootCertificatePem, options);
  const rootKey = readRootKey(options.rootKeyPem, options.passphrase);
  requireKeyOf(rootCertificate, rootKey);
  return { rootKey, rootCertificate, ...createIntermediate(rootCertificate, rootKey, options) };
}

/**
 * The certificate of a root that may sign the intermediate. Throws Fault `malformed_pem`, `malformed_der`,
 * `certificate_profile`, `certificate_expired`, `certificate_not_yet_valid`, `key_unacceptable`, or `invalid_input` for
 * a trust domain that SPIFFE does not allow.
 */
export function readRootToImport(
  pem: string,
  options: Pick<AuthorityOptions, 'trustDomain' | 'clock'>,
): Certificate {
  checkTrustDomain(options.trustDomain);
  const root = readRoot(pem);
  checkRoot(root, options);
  return root;
}

/** Throws Fault `invalid_input` when a private or public key is not that of the root. */
export function requireKeyOf(root: Certificate, key: KeyObject): void {
  if (equalBytes(spkiOf(key), root.spki)) return;
  throw new Fault(
    'invalid_input',
    'The key does not belong to the root certificate. Give the key it was made with.',
  );
}

function readRoot(pem: string): Certificate {
  const [der, ...more] = decodePem(pem, 'CERTIFICATE');
  if (!der || more.length > 0) {
    throw new Fault('malformed_pem', 'Give exactly one certificate: the root, without anything below it.');
  }
  return readCertificate(der);
}

// RFC 5280 §6.1.4 (k) to (n): what makes a certificate one that may sign certificates. A root from
// `openssl req -x509` has no key usage extension, which then restricts nothing.
const rules: readonly { readonly holds: (root: Certificate) => boolean; readonly why: string }[] = [
  { holds: (root) => root.isCa, why: 'it is not a CA certificate (basicConstraints CA:TRUE is missing)' },
  { holds: (root) => root.pathLength !== 0, why: 'its path length 0 forbids an intermediate' },
  {
    holds: (root) => root.keyUsage.length === 0 || root.keyUsage.includes('keyCertSign'),
    why: 'its key usage does not allow signing certificates',
  },
  {
    holds: (root) => root.unknownCritical.length === 0,
    why: 'it has a critical extension that is not known here',
  },
  {
    holds: (root) => equalBytes(root.issuerDer, root.subjectDer) && isSignedBy(root, root.publicKey),
    why: 'it is not self-signed, so it is not a root',
  },
];

function checkRoot(
  root: Certificate,
  { trustDomain, clock }: Pick<AuthorityOptions, 'trustDomain' | 'clock'>,
): void {
  const broken = rules.find((rule) => !rule.holds(root));
  if (broken) throw new Fault('certificate_profile', `The root cannot be imported: ${broken.why}.`);
  checkPublicKey(root.publicKey);
  checkValidity(root, clock.now());
  checkNameConstraints({ commonName: '', trustDomain, dnsNames: [] }, [root]);
}

/** The private key of a root, in PEM. Throws Fault `malformed_pem`, `passphrase_required`, `passphrase_wrong`. */
export function readRootKey(pem: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    throw keyFault(pem, passphrase, cause);
  }
}

function keyFault(pem: string, passphrase: string | undefined, cause: unknown): Fault {
  if (!/ENCRYPTED/.test(pem)) {
    return new Fault('malformed_pem', 'The root key is not a private key in PEM.', { cause });
  }
  if (passphrase === undefined) {
    return new Fault('passphrase_required', 'The root key is encrypted and no passphrase was given.', {
      cause,
    });
  }
  return new Fault('passphrase_wrong', 'The passphrase does not open the root key.', { cause });
}
