import type { AuditLog } from '../../audit/log.ts';
import { sha256Base64url, toBase64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomBytes } from '../../kernel/random.ts';
import type { Passkey } from './passkeys.ts';
import type { PersonRegistry } from './person-registry.ts';

/** A link with which somebody enrols one passkey. Times in epoch milliseconds. */
export interface Invitation {
  /** base64url(SHA-256) of its secret, which is stored nowhere. */
  readonly hash: string;
  /** Null for the first person of an authority, who says their name themselves. */
  readonly person: string | null;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Port: invitations. */
export interface Invitations {
  /**
   * Keeps an invitation; an earlier one of the same person ends. False, and nothing kept, for the first person when somebody was added
   * or enrolled before, ever.
   */
  add(invitation: Invitation): Promise<boolean>;
  /** One that is open at `now`. */
  find(hash: string, now: number): Promise<Invitation | null>;
  /**
   * Uses an invitation and enrols the passkey, both or neither: false when it was used, ended or is over. With one for the first person
   * that person is added. Fault `conflict` for a passkey that somebody has.
   */
  redeem(hash: string, passkey: Passkey): Promise<boolean>;
  /** Ends those of a person. */
  withdraw(person: string): Promise<void>;
}

/** How long a link can be used. */
const invitationLife = 30 * 60_000;

/** The secret of a link and its end. */
export interface InvitationMade {
  readonly secret: string;
  readonly expiresAt: number;
}

interface Parts {
  readonly registry: PersonRegistry;
  readonly invitations: Invitations;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, 'append'>;
}

/** An invitation for somebody who was added, to a first passkey or one more. Fault `not_found`, or `conflict` for a disabled person. */
export async function invite(name: string, actor: string, parts: Parts): Promise<InvitationMade> {
  const person = await parts.registry.find(name);
  if (person?.addedAt == null) {
    throw new Fault('not_found', `There is no person ${name} here. First: countersign person add ${name}`);
  }
  if (person.state === 'disabled') {
    throw new Fault('conflict', `${name} is disabled. First: countersign person enable ${name}`);
  }
  const made = await make(name, actor, parts);
  if (made) return made;
  throw new Fault('conflict', `${name} was changed at this moment. Try again.`);
}

/** An invitation for the first person of an authority; null once there was one. */
export function inviteFirst(parts: Omit<Parts, 'registry'>): Promise<InvitationMade | null> {
  return make(null, 'authority', parts);
}

/** What is kept of a secret. */
export function hashOfSecret(secret: string): string {
  return sha256Base64url(secret);
}

async function make(
  person: string | null,
  createdBy: string,
  { invitations, clock, audit }: Omit<Parts, 'registry'>,
): Promise<InvitationMade | null> {
  const secret = toBase64url(randomBytes(32));
  const createdAt = clock.now();
  const expiresAt = createdAt + invitationLife;
  const hash = hashOfSecret(secret);
  if (!(await invitations.add({ hash, person, createdBy, createdAt, expiresAt }))) return null;
  await audit.append({ type: 'person.invited', person, actor: createdBy, until: expiresAt });
  return { secret, expiresAt };
}
