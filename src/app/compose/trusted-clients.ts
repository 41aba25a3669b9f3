import { clientAnchors } from '../../gateway/client-anchors.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import { fromBase64 } from '../../kernel/bytes.ts';
import { errorText } from '../../kernel/fault.ts';
import { decodePem } from '../../x509/pem.ts';
import type { FeedMessage } from '../feed/feed-message.ts';
import type { RegistryView } from '../feed/registry-view.ts';
import type { OwnIdentity } from './own-identity.ts';

/** Whether a message of the feed may change whose clients are trusted. */
export function touchesPartners(message: FeedMessage): boolean {
  return message.type === 'snapshot' || (message.type === 'change' && message.change.kind === 'partner');
}

/**
 * What the agents' listener shows and trusts as of now: our own roots as they are, or, with partners, every authority
 * constrained to its own trust domain. Should that fail, our own roots alone are trusted.
 */
export function trustedClients(options: {
  readonly trustDomain: string;
  readonly identity: Pick<OwnIdentity, 'current'>;
  readonly view: Pick<RegistryView, 'partners'>;
  readonly log: (line: string) => void;
}): () => TlsMaterial {
  const { trustDomain, identity, view, log } = options;
  return () => {
    const own = identity.current();
    const partners = view.partners.all();
    if (partners.length === 0) return own;
    try {
      const clientAuthorities = clientAnchors([
        { trustDomain, authorities: decodePem(own.clientAuthorities, 'CERTIFICATE') },
        ...partners.map((partner) => ({
          trustDomain: partner.trustDomain,
          authorities: partner.authorities.flatMap((one) => fromBase64(one) ?? []),
        })),
      ]);
      const vouching = partners.map((partner) => [partner.trustDomain, partner.authorities] as const);
      return { ...own, clientAuthorities, partners: new Map(vouching) };
    } catch (error) {
      log(`No partner is trusted, because the authorities cannot be used: ${errorText(error)}`);
      return own;
    }
  };
}
