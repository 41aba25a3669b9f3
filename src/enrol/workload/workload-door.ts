import type { JSONWebKeySet } from 'jose';
import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { Evidence } from '../../ca/evidence.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { matchRule } from './match-rule.ts';
import { readToken, type UnverifiedToken } from './read-token.ts';
import type { UsedTokens } from './used-tokens.ts';
import { isOfDomain, verifyToken } from './verify-token.ts';
import type { WorkloadIssuer } from './workload-issuer.ts';

/** The issuers of an authority and their keys. */
export interface WorkloadIssuers {
  /** The issuers in force. Throws Fault `config_invalid` or `unavailable` when that cannot be told. */
  list(): Promise<readonly WorkloadIssuer[]>;
  /**
   * The keys of an issuer, fetched again when `kid` is none that is known. Throws Fault `unavailable` when they cannot be
   * had.
   */
  keysOf(issuer: WorkloadIssuer, kid: string | null): Promise<JSONWebKeySet>;
}

export interface WorkloadDoor {
  readonly issuers: WorkloadIssuers;
  readonly used: UsedTokens;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, 'append'>;
  /** Where tokens that are not accepted are recorded: whoever reaches the listener can present one. */
  readonly strangers: Pick<BoundedRecord, 'record'>;
}

/** A workload that was recognised. */
export interface ProvenWorkload {
  readonly evidence: Evidence;
  /** Uses the token up where it is good once. Throws Fault `workload_refused` when it was used before. */
  useUp(): Promise<void>;
}

/**
 * What a JWT that its platform gave to a workload proves: the name that the rules of its issuer give it. Throws Fault
 * `workload_refused`, or `unavailable` when that cannot be told now.
 */
export async function proveWorkload(
  text: string,
  door: WorkloadDoor,
  address: string | null,
): Promise<ProvenWorkload> {
  const refuse = async (error: unknown, known: AuditDetail): Promise<never> => {
    const { code, message } = toFault(error);
    await door.strangers.record({ type: 'workload.refused', ...known, address, code, reason: message });
    if (code === 'workload_refused') throw error;
    // Where its files and the servers of its issuers are is nothing for strangers.
    const detail = 'Whether the token holds cannot be told at the moment; the log of the authority says why.';
    throw new Fault('unavailable', detail, { cause: error, retryAfterMilliseconds: 30_000 });
  };
  let issuer: WorkloadIssuer | null = null;
  let subject: string | null = null;
  try {
    const token = readToken(text);
    issuer = issuerOf(token, await door.issuers.list());
    const keys = await door.issuers.keysOf(issuer, kidOf(token));
    const verified = await verifyToken(token, issuer, keys, door.clock.now());
    subject = verified.subject;
    const { name, kind, dnsNames } = matchRule(issuer, subject, token.claims);
    await door.audit.append({ type: 'workload.accepted', issuer: issuer.name, subject, name, kind, address });
    const owner = `${issuer.name}: ${subject}`;
    const { once } = issuer;
    const known = { issuer: issuer.name, subject };
    return {
      evidence: { door: 'workload', name, kind, owner, dnsNames, ipAddresses: [], address, replaces: null },
      async useUp() {
        if (!once || (await door.used.take(token.hash, verified.endsAt, door.clock.now()))) return;
        const detail = `The token was used already, and those of ${known.issuer} are good once.`;
        await refuse(new Fault('workload_refused', detail), known);
      },
    };
  } catch (error) {
    // A subject that was not verified is what a stranger wrote.
    return await refuse(error, { issuer: issuer?.name ?? null, subject });
  }
}

interface AuditDetail {
  readonly issuer: string | null;
  readonly subject: string | null;
}

/** The issuer that a token names; whether it is that issuer's is found out with its keys. */
function issuerOf({ claims }: UnverifiedToken, issuers: readonly WorkloadIssuer[]): WorkloadIssuer {
  const { iss, sub } = claims;
  const found = issuers.find(({ known }) =>
    'issuer' in known ? known.issuer === iss : iss === undefined && isOfDomain(sub, known.trustDomain),
  );
  if (found) return found;
  throw new Fault('workload_refused', 'The token is of an issuer that this authority does not know.');
}

/** The key that a token says it was signed with, or null. */
export function kidOf({ text }: UnverifiedToken): string | null {
  try {
    const header: unknown = JSON.parse(Buffer.from(text.split('.', 1)[0] ?? '', 'base64url').toString());
    const kid = typeof header === 'object' && header !== null && 'kid' in header ? header.kid : null;
    return typeof kid === 'string' ? kid : null;
  } catch {
    return null;
  }
}
