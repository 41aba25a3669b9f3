import { Fault } from '../kernel/fault.ts';

/** A SPIFFE ID (SPIFFE-ID §2): `spiffe://<trust domain><path>`. */
export interface SpiffeId {
  readonly uri: string;
  readonly trustDomain: string;
  /** Begins with a slash. */
  readonly path: string;
}

const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;
const segmentPattern = /^[a-zA-Z0-9._-]+$/;

/** Reads a SPIFFE ID strictly; an ID without a path names no workload and is refused. Throws Fault `invalid_input`. */
export function parseSpiffeId(text: string): SpiffeId {
  const match = text.length <= 2048 ? /^spiffe:\/\/([^/]*)(\/.*)$/.exec(text) : null;
  const [, trustDomain = '', path = ''] = match ?? [];
  const segments = path.split('/').slice(1);
  const whole =
    segments.length > 0 &&
    segments.every((segment) => segmentPattern.test(segment) && segment !== '.' && segment !== '..');
  if (!trustDomainPattern.test(trustDomain) || !whole) {
    throw new Fault(
      'invalid_input',
      'A SPIFFE ID has the form spiffe://trust.domain/path, in its restricted characters.',
    );
  }
  return { uri: text, trustDomain, path };
}

/** A trust domain name, checked. Throws Fault `invalid_input`. */
export function checkTrustDomain(name: string): string {
  if (!trustDomainPattern.test(name)) {
    throw new Fault(
      'invalid_input',
      `"${name}" is not a trust domain: use lower-case letters, digits, dots, dashes.`,
    );
  }
  return name;
}
