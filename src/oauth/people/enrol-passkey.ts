import type { Exchange } from '../../http/exchange.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { beginSession, provenByPasskey } from './browser-sessions.ts';
import { requireChallenge } from './challenge-answered.ts';
import { hashOfSecret, type Invitation } from './invitations.ts';
import type { PeopleDoor } from './people-door.ts';
import { personName } from './person-name.ts';
import { relyingParty } from './relying-party.ts';
import { creationOptions, readAnswer, verifyCreation } from './webauthn.ts';

/** What the page of an invitation sends. */
export interface EnrolOrder {
  readonly secret: string;
  /** Of the first person of an authority, who says it themselves; null for everybody else. */
  readonly name: string | null;
  /** What tells the browser from others. */
  readonly browser: string;
}

/** Whom an invitation is for; null for the first person. Throws Fault `invitation_invalid`. */
export async function whoseInvitation(
  secret: string,
  exchange: Exchange,
  door: PeopleDoor,
): Promise<string | null> {
  try {
    return (await openInvitation(secret, door)).person;
  } catch (error) {
    throw await told(error, { person: null }, exchange, door);
  }
}

/** What the browser is to ask its authenticators. Throws Fault `invitation_invalid` or `invalid_input`. */
export async function beginEnrolment(
  order: EnrolOrder,
  exchange: Exchange,
  door: PeopleDoor,
): Promise<JsonObject> {
  const party = relyingParty(exchange);
  const name = await invited(order, await openInvitation(order.secret, door), door);
  const person = await door.registry.find(name);
  const { challenges, passkeys } = door;
  const displayName = person?.displayName ?? name;
  const challenge = challenges.make({ act: 'enrol', browser: order.browser });
  return creationOptions(
    party,
    { handle: challenges.handleOf(name), name, displayName },
    { challenge, existing: await passkeys.list(name) },
  );
}

/**
 * Enrols a passkey, uses the invitation up and signs its person in; the Set-Cookie of the session. Throws Fault `invitation_invalid`,
 * `login_refused` or `conflict`.
 */
export async function finishEnrolment(
  order: EnrolOrder,
  answered: Json | undefined,
  exchange: Exchange,
  door: PeopleDoor,
): Promise<string> {
  const { invitations, clock, audit } = door;
  const { address } = exchange.connection;
  const seen: { person: string | null } = { person: null };
  try {
    const invitation = await openInvitation(order.secret, door);
    seen.person = await invited(order, invitation, door);
    const answer = readAnswer(answered);
    const endsAt = requireChallenge(answer.challenge, { act: 'enrol', browser: order.browser }, door);
    const made = await verifyCreation(answer, relyingParty(exchange));
    await endsAt.useUp();
    const passkey = { ...made, person: seen.person, createdAt: clock.now(), lastUsedAt: null };
    // Before it counts: what is not in the log did not happen.
    const told = { passkey: passkey.id, host: passkey.host, mayBeCopied: passkey.mayBeCopied };
    await audit.append({ type: 'person.enrolled', ...seen, ...told, address });
    if (!(await invitations.redeem(invitation.hash, passkey))) throw overOrUsed();
    return await beginSession(provenByPasskey(seen.person, clock.now()), door);
  } catch (error) {
    throw await told(error, seen, exchange, door);
  }
}

/** Records what was refused. */
async function told(
  error: unknown,
  seen: { readonly person: string | null },
  { connection: { address } }: Exchange,
  { strangers }: PeopleDoor,
): Promise<Fault> {
  const fault = toFault(error);
  const { code, message } = fault;
  await strangers.record({ type: 'person.sign-in-refused', ...seen, code, reason: message, address });
  return fault;
}

async function openInvitation(
  secret: string,
  { invitations, clock, places }: PeopleDoor,
): Promise<Invitation> {
  if ((await places()).length > 0) throw overOrUsed();
  const found = await invitations.find(hashOfSecret(secret), clock.now());
  if (found) return found;
  throw overOrUsed();
}

async function invited(
  { name }: EnrolOrder,
  { person }: Invitation,
  { registry }: PeopleDoor,
): Promise<string> {
  if (person !== null) {
    if ((await registry.find(person))?.state === 'active') return person;
    throw overOrUsed();
  }
  const own = personName(name ?? '');
  if (await registry.find(own)) {
    throw new Fault('conflict', `There is a person ${own} already; choose another name.`);
  }
  return own;
}

function overOrUsed(): Fault {
  return new Fault(
    'invitation_invalid',
    'This link was used, is over, or never was one. Ask an administrator for a new one.',
  );
}
