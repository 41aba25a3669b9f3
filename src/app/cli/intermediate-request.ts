import type { SigningKey } from '../../ca/issuer.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { signRootOcsp } from '../../ca/root-ocsp.ts';
import { toBase64 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import { type CertificateRequest, readRequest } from '../../x509/request.ts';
import type { CommandInput, Flag } from './command.ts';

/** What is signed with the root key for a new intermediate. */
export interface RequestedIntermediate {
  readonly request: CertificateRequest;
  readonly replaces: Certificate;
  readonly root: Certificate;
}

/** How long the new intermediate lives. */
export const intermediateLifeFlag: Flag = {
  name: 'life',
  kind: 'duration',
  meaning: 'how long the new intermediate lives, never longer than its root',
  default: '365d',
};

/** Milliseconds. Throws Fault `usage` for less than a day and a half, which would leave no time to replace it. */
export function lifeOf(input: CommandInput): number {
  const life = input.duration('life') ?? 0;
  if (life >= 36 * 60 * 60_000) return life;
  throw new Fault('usage', '--life of an intermediate is at least 36h, and best some months.');
}

/** The request, the intermediate it replaces and the root, from one text in PEM. Throws Fault `malformed_pem`, …. */
export function readRequestFile(text: string): RequestedIntermediate {
  const [request, ...requests] = decodePem(text, 'CERTIFICATE REQUEST');
  const [replaces, root, ...more] = decodePem(text, 'CERTIFICATE');
  if (!request || !replaces || !root || requests.length > 0 || more.length > 0) {
    throw new Fault(
      'malformed_pem',
      'Give the file of `countersign rotate intermediate --request-out`: a request, the intermediate before it and the root.',
    );
  }
  return {
    request: readRequest(request),
    replaces: readCertificate(replaces),
    root: readCertificate(root),
  };
}

const ocspLabel = 'OCSP RESPONSE';

/** A new intermediate and what OCSP is to say of it, in one text in PEM; programs that look for a certificate find one. */
export async function withRootOcsp(
  certificate: Certificate,
  { root, now }: { readonly root: Certificate; readonly now: number },
  key: SigningKey,
): Promise<string> {
  const order = { root, intermediates: [certificate.serial], entries: [], now };
  const responses = await signRootOcsp(order, key);
  return [
    pemOfCertificate(certificate.der),
    ...responses.map((response) => encodePem(ocspLabel, response)),
  ].join('');
}

/** Both apart, as `rotation.prepare` takes them. Throws Fault `malformed_pem`. */
export function signedIntermediateOf(text: string): {
  readonly certificate: string;
  readonly ocsp: string[];
} {
  const responses = text.includes(`-----BEGIN ${ocspLabel}-----`) ? decodePem(text, ocspLabel) : [];
  const certificates = decodePem(text, 'CERTIFICATE').map((der) => pemOfCertificate(der));
  return { certificate: certificates.join(''), ocsp: responses.map(toBase64) };
}

/** The text for `readRequestFile`, from the answer of the authority. */
export function requestFileOf(json: Json): string {
  const { request, replaces, root } = isJsonObject(json) ? json : {};
  if (typeof request === 'string' && typeof replaces === 'string' && typeof root === 'string') {
    return request + replaces + root;
  }
  throw new Fault('unavailable', 'The authority answered without a request. Is it older than this program?');
}
