import { isIPv4, isIPv6 } from 'node:net';
import type { AddressPolicy } from '../../http/address-guard.ts';
import { createClient } from '../../http/fetch.ts';
import type { NameResolver } from '../../http/name-resolver.ts';
import { peekCertificate } from '../../http/peek-certificate.ts';
import { equalBytes, sha256, sha256Base64url, utf8 } from '../../kernel/bytes.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import { Fault } from '../../kernel/fault.ts';
import { acmeIdentifierOf } from '../../x509/acme-identifier.ts';
import { type Certificate, isSignedBy, readCertificate } from '../../x509/certificate.ts';
import { addressOctets } from '../../x509/ip-address.ts';
import { type AcmeProblemType, problem } from './acme-problem.ts';
import type { OutsideChallenge, StoredProblem } from './acme-records.ts';
import type { Identifier } from './identifier.ts';

/** How validation reaches the outside: a client names the place, so every address is held to `addressGuard`. */
export interface Outside {
  readonly resolver: NameResolver;
  readonly addressGuard: AddressPolicy;
  readonly httpPort: number;
  readonly tlsPort: number;
}

/** One challenge to look at. */
export interface Attempt {
  readonly challenge: OutsideChallenge;
  /** Without a wildcard. */
  readonly identifier: Identifier;
  readonly token: string;
  /** RFC 8555 §8.1. */
  readonly keyAuthorization: string;
}

const milliseconds = 10_000;
/** A key authorization has 87 characters; a web page in its place is told in one line. */
const bodyBytes = 4_096;

/** Looks at a challenge once: null when it holds, or what is wrong, for the client to read (RFC 8555 §8). */
export async function validateChallenge(
  attempt: Attempt,
  outside: Outside,
  signal: AbortSignal,
): Promise<StoredProblem | null> {
  try {
    await checks[attempt.challenge](attempt, outside, signal);
    return null;
  } catch (error) {
    if (error instanceof Refuted) return problem(error.type, error.message);
    if (!(error instanceof Fault)) throw error;
    return problem(problemTypes[error.code] ?? 'connection', error.message);
  }
}

const problemTypes: Partial<Record<FaultCode, AcmeProblemType>> = {
  address_refused: 'unauthorized',
  gateway_untrusted: 'tls',
  malformed_der: 'tls',
  key_unacceptable: 'tls',
  too_large: 'incorrectResponse',
};

/** What was found there is not what the challenge asks for. */
class Refuted extends Error {
  readonly type: AcmeProblemType;

  constructor(type: AcmeProblemType, message: string) {
    super(message);
    this.name = 'Refuted';
    this.type = type;
  }
}

type Check = (attempt: Attempt, outside: Outside, signal: AbortSignal) => Promise<void>;

const checks: Readonly<Record<OutsideChallenge, Check>> = {
  // RFC 8555 §8.3; redirects are not followed: they would lead where the identifier does not.
  async 'http-01'({ identifier, token, keyAuthorization }, outside, signal) {
    const { addressGuard, resolver, httpPort } = outside;
    await using client = createClient({
      addressGuard,
      lookup: resolver.lookup,
      limits: { connectMilliseconds: 5_000, totalMilliseconds: milliseconds, bodyBytes },
    });
    const host = isIPv6(identifier.value) ? `[${identifier.value}]` : identifier.value;
    const port = httpPort === 80 ? '' : `:${httpPort}`;
    const url = `http://${host}${port}/.well-known/acme-challenge/${token}`;
    const { status, body } = await client.request({ method: 'GET', url, signal });
    if (status >= 300 && status < 400) {
      throw new Refuted('unauthorized', `${url} answered with a redirect (${status}), and none is followed.`);
    }
    if (status !== 200) throw new Refuted('unauthorized', `${url} answered with status ${status}.`);
    const text = Buffer.from(body).toString('latin1').trimEnd();
    if (!equalBytes(utf8(text), utf8(keyAuthorization))) {
      throw new Refuted('incorrectResponse', `${url} does not hold the key authorization of this account.`);
    }
  },

  // RFC 8555 §8.4.
  async 'dns-01'({ identifier, keyAuthorization }, { resolver }) {
    const name = `_acme-challenge.${identifier.value}`;
    const texts = await resolver.texts(name).catch((error: unknown) => {
      throw error instanceof Fault ? new Refuted('dns', error.message) : error;
    });
    if (texts.length === 0) throw new Refuted('dns', `${name} has no TXT record.`);
    if (texts.includes(sha256Base64url(keyAuthorization))) return;
    throw new Refuted(
      'incorrectResponse',
      `No TXT record of ${name} is the digest of the key authorization.`,
    );
  },

  // RFC 8737 §3.
  async 'tls-alpn-01'({ identifier, keyAuthorization }, outside, signal) {
    const der = await peekCertificate({
      host: identifier.value,
      port: outside.tlsPort,
      serverName: serverNameOf(identifier),
      protocol: 'acme-tls/1',
      addressGuard: outside.addressGuard,
      lookup: outside.resolver.lookup,
      milliseconds,
      signal,
    });
    const certificate = readCertificate(der);
    const digest = acmeIdentifierOf(certificate);
    if (!isFor(certificate, identifier) || !isSignedBy(certificate, certificate.publicKey)) {
      throw new Refuted(
        'incorrectResponse',
        `The certificate shown is not self-signed for ${identifier.value} alone.`,
      );
    }
    if (!digest || !equalBytes(digest, sha256(keyAuthorization))) {
      throw new Refuted(
        'incorrectResponse',
        'The certificate shown does not carry the digest of the key authorization.',
      );
    }
  },
};

/** Exactly the one name (RFC 8737 §3, RFC 8738 §6). */
function isFor(certificate: Certificate, { type, value }: Identifier): boolean {
  const { dnsNames, ipAddresses, uris, otherNames } = certificate;
  if (dnsNames.length + ipAddresses.length !== 1 || uris.length + otherNames > 0) return false;
  return type === 'dns' ? dnsNames[0]?.toLowerCase() === value : ipAddresses[0] === value;
}

/** RFC 8738 §6: an address is named by its reverse mapping, for SNI has no addresses. */
function serverNameOf({ type, value }: Identifier): string {
  if (type === 'dns') return value;
  if (isIPv4(value)) return `${value.split('.').reverse().join('.')}.in-addr.arpa`;
  const nibbles = Buffer.from(addressOctets(value)).toString('hex');
  return `${nibbles.split('').reverse().join('.')}.ip6.arpa`;
}
