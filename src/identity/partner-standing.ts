import { Fault } from '../kernel/fault.ts';
import type { AgentRecord } from './agent-record.ts';
import type { Caller } from './caller.ts';
import type { IdentityView } from './identity-view.ts';
import { trustEnds } from './partner-record.ts';

/** How much longer than the cap a certificate may be, for the backdating of its start. */
const backdating = 2 * 60_000;

/**
 * What a partner's caller is here at this moment. No record of ours lists its certificate: it stands as long as the
 * partner does, every authority that may have vouched for it, and a mapping. Throws Fault `partner_withdrawn`,
 * `partner_expired`, `certificate_profile` or `partner_unmapped`.
 */
export function partnersAgent(caller: Caller, view: IdentityView, now: number): AgentRecord {
  const partner = caller.vouchers && view.partner(caller.trustDomain);
  if (!partner) {
    throw new Fault('partner_withdrawn', `No partner has the trust domain ${caller.trustDomain} any more.`);
  }
  const { authorities } = partner;
  // Which of them it was, the handshake does not say; connections made since are vouched for by those that are left.
  if (caller.vouchers !== authorities && !caller.vouchers.every((one) => authorities.includes(one))) {
    throw new Fault(
      'partner_withdrawn',
      `An authority of the partner ${partner.name} is trusted no longer. Connect again.`,
    );
  }
  if (now > trustEnds(partner)) {
    throw new Fault(
      'partner_expired',
      `The bundle of the partner ${partner.name} was last read at ${new Date(partner.readAt).toISOString()}, too long ago.`,
    );
  }
  if (caller.notAfter - caller.notBefore > partner.maximumLife + backdating) {
    throw new Fault(
      'certificate_profile',
      `The certificate of ${caller.spiffeId} lives longer than those of the partner ${partner.name} may.`,
    );
  }
  const agent = view.agent(caller.spiffeId);
  if (agent) return agent;
  throw new Fault(
    'partner_unmapped',
    `Nothing maps ${caller.spiffeId} of the partner ${partner.name} to roles.`,
  );
}
