import { type Issuer, rootsOf } from '../../ca/issuer.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import type { FeedTrust } from './feed-message.ts';

/** What gateways are told of the issuers that count, the one that signs first. */
export function trustOf(issuers: readonly Issuer[]): FeedTrust {
  const [issuing] = issuers;
  return {
    roots: rootsOf(issuers)
      .map(({ der }) => pemOfCertificate(der))
      .join(''),
    issuer: issuing ? keyIdOf(issuing.certificate) : '',
  };
}
