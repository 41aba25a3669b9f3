import type { AuditEvent } from '../audit/log.ts';
import { type Clock, steppedClock } from '../kernel/clock.ts';
import { type BlockedKeys, memoryBlockedKeys } from './blocked-keys.ts';
import type { AgentStates, CertificateAuthority } from './certificate-authority.ts';
import { createAuthority, type NewAuthority } from './create-authority.ts';
import type { Issuer } from './issuer.ts';
import { memoryRecords } from './memory-records.ts';
import { publicationUrls } from './publication-urls.ts';
import { signingKey } from './signing-key.ts';

/** An authority without disk: what it logged and which agents it knows lie open. For specifications. */
export interface MemoryAuthority extends CertificateAuthority {
  readonly clock: ReturnType<typeof steppedClock>;
  readonly events: readonly AuditEvent[];
  readonly agentStates: Map<string, 'active' | 'suspended' | 'retired'>;
  readonly devices: Map<string, string>;
  readonly made: NewAuthority;
  readonly blockedKeys: BlockedKeys;
}

/** A fresh authority for `example.internal` with the active agent `ci-bot`, at a fixed time. */
export function memoryAuthority(
  options: {
    readonly clock?: ReturnType<typeof steppedClock>;
    readonly made?: (clock: Clock) => NewAuthority;
    /** Where certificates say that their standing is published. */
    readonly publicUrl?: string;
  } = {},
): MemoryAuthority {
  const clock = options.clock ?? steppedClock(Date.UTC(2026, 10, 23, 12));
  const trustDomain = 'example.internal';
  const made = options.made?.(clock) ?? createAuthority({ trustDomain, clock });
  const events: AuditEvent[] = [];
  const agentStates: MemoryAuthority['agentStates'] = new Map([['ci-bot', 'active']]);
  const devices = new Map<string, string>();
  const agents: AgentStates = {
    async find(name) {
      const state = agentStates.get(name);
      return state === undefined ? null : { state, device: devices.get(name) ?? null };
    },
  };
  const issuer: Issuer = {
    certificate: made.intermediateCertificate,
    chain: [made.intermediateCertificate, made.rootCertificate],
    key: signingKey(made.intermediateKey),
    trustDomain,
  };
  return {
    issuer,
    issuers: () => [issuer],
    records: memoryRecords(),
    agents,
    checks: [],
    devices,
    revokesIssuer: () => false,
    blockedKeys: memoryBlockedKeys(),
    audit: {
      async append(event) {
        events.push(event);
        return { index: events.length - 1 };
      },
    },
    clock,
    urls:
      options.publicUrl === undefined
        ? null
        : publicationUrls(options.publicUrl, made.intermediateCertificate),
    events,
    agentStates,
    made,
  };
}
