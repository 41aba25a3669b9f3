import { renewalWindow } from '../../ca/renewal-window.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import type { CertificateEnd } from '../store/certificate-ends.ts';

/** When a certificate that was not renewed is alerted of. */
export interface LateRules {
  /** How much of the time between the end of its renewal window and its own end has to be over, from 0 to 1. */
  readonly share: number;
  /** Whether also agents that no gateway has seen since the window began. */
  readonly unseenAgents: boolean;
}

/** Ephemeral certificates are not renewed, and people come back with a new one when they need it. */
const renewedKinds: readonly LeafKind[] = ['agent', 'server', 'gateway', 'ocsp', 'ra'];

/**
 * Whether a certificate approaches its end and should have been renewed. An agent that nobody has seen since its window began is
 * a job that has ended, or a machine that sleeps.
 */
export function isLate(certificate: CertificateEnd, now: number, rules: LateRules): boolean {
  const { kind, state, superseded, notAfter, lastSeen } = certificate;
  if (superseded || state !== 'issued' || !renewedKinds.includes(kind) || now > notAfter) return false;
  const { start, end } = renewalWindow(certificate);
  if (now < end + rules.share * (notAfter - end)) return false;
  return kind !== 'agent' || rules.unseenAgents || (lastSeen !== null && lastSeen >= start);
}
