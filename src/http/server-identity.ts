import { checkServerIdentity as checkByNode, type PeerCertificate } from 'node:tls';
import { ExchangeFailure } from './failure.ts';

/**
 * Whether a verified certificate is for the host, by its subject alternative names: that a certificate without any has the host
 * for its common name counts for nothing (RFC 9525 §2), though Node takes it. Returns what is wrong.
 */
export function checkServerIdentity(host: string, peer: PeerCertificate): Error | undefined {
  const misnamed = checkByNode(host, peer);
  if (misnamed) return misnamed;
  // Node writes each name behind its kind, and quotes one that could be taken for another.
  const named = /(^|, )(DNS|IP Address):/.test(peer.subjectaltname ?? '');
  if (named) return undefined;
  return new ExchangeFailure('untrusted', 'its certificate has no name of a host but its common name');
}
