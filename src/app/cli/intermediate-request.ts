import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
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

/** The text for `readRequestFile`, from the answer of the authority. */
export function requestFileOf(json: Json): string {
  const { request, replaces, root } = isJsonObject(json) ? json : {};
  if (typeof request === 'string' && typeof replaces === 'string' && typeof root === 'string') {
    return request + replaces + root;
  }
  throw new Fault('unavailable', 'The authority answered without a request. Is it older than this program?');
}
