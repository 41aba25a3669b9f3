import type { AuditLog } from '../audit/log.ts';
import type { Clock } from '../kernel/clock.ts';
import type { BlockedKeys } from './blocked-keys.ts';
import type { CertificateRecords } from './certificate-records.ts';
import type { IssuanceCheck } from './issuance-check.ts';
import type { Issuer } from './issuer.ts';
import type { PublicationUrls } from './publication-urls.ts';

/** Port: the state of registered agents, the device of each, and who is above it. */
export interface AgentStates {
  find(name: string): Promise<AgentStanding | null>;
}

export interface AgentStanding {
  readonly state: 'active' | 'suspended' | 'retired';
  readonly device: string | null;
  /** There for one that another agent enrolled. */
  readonly parent?: string;
}

/** Everything that issuing needs; `app` composes one. */
export interface CertificateAuthority {
  /** Who signs now; after a rotation it is another one, so it is read once for each certificate. */
  readonly issuer: Issuer;
  /** That one first, then those whose certificates and roots count beside it while a rotation is under way. */
  readonly issuers: () => readonly Issuer[];
  readonly records: CertificateRecords;
  readonly agents: AgentStates;
  /** Whether the issuer itself is revoked. */
  readonly revokesIssuer: () => boolean;
  readonly blockedKeys: Pick<BlockedKeys, 'isBlocked'>;
  /** What else has to agree, asked in order. */
  readonly checks: readonly IssuanceCheck[];
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  /** Which of the authorities of a store this is; null or missing where there is one. */
  readonly instance?: string | null;
  /** What new certificates say of where their standing is published; null says nothing. */
  readonly urls: PublicationUrls | null;
}
