import { identify } from '../../identity/identify.ts';
import { equalBytes } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { checkValidity, type LeafKind } from '../../x509/leaf-profile.ts';
import type { Authority } from '../authority/authority.ts';
import type { Holder } from './route.ts';

/** Which certificates may call; `unverified` when their end is looked at elsewhere. */
export interface Admission {
  readonly kinds: readonly LeafKind[];
  readonly unverified?: boolean | undefined;
}

/**
 * Who holds a certificate, held to its profile and to the record of its issuance, octet by octet: neither a stolen
 * signing key nor a chain that was not verified makes another. Whether it has ended is the renewal's affair where an
 * unverified one may call; otherwise OpenSSL looked in the handshake and this looks again.
 * Throws Fault `certificate_required`, `certificate_profile`, `certificate_revoked`, `certificate_unknown`, ….
 */
export async function holderOf(
  shown: Uint8Array | null,
  authority: Pick<Authority, 'issuer' | 'clock' | 'store'>,
  { kinds, unverified = false }: Admission,
): Promise<Holder> {
  if (!shown) {
    throw new Fault('certificate_required', `This needs a certificate of kind ${kinds.join(' or ')}.`);
  }
  const caller = identify(shown, { trustDomain: authority.issuer.trustDomain, kinds });
  const now = authority.clock.now();
  const { notBefore, notAfter } = caller;
  checkValidity({ notBefore, notAfter: unverified ? Math.max(now, notAfter) : notAfter }, now);
  const record = await authority.store.certificates.find(caller.serial);
  if (record?.state === 'revoked') throw new Fault('certificate_revoked', 'The certificate is revoked.');
  // Another authority below the same root could give out a serial of ours; what we issued is these octets.
  if (record?.state !== 'issued' || !record.der || !equalBytes(record.der, shown)) {
    throw new Fault(
      'certificate_unknown',
      'The certificate is not in the issuance record of this authority.',
    );
  }
  return { caller, record };
}
