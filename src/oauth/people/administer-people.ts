import type { Person } from '../../identity/person.ts';
import { Fault } from '../../kernel/fault.ts';
import type { PeopleDoor } from './people-door.ts';
import type { Passkey } from './passkeys.ts';
import { personName } from './person-name.ts';
import type { NewPerson } from './person-registry.ts';

type Parts = Pick<PeopleDoor, 'registry' | 'passkeys' | 'sessions' | 'tokens' | 'clock' | 'audit'>;

/** Adds a person. Throws Fault `conflict`, or `invalid_input` for what is no name. */
export async function addPerson(order: NewPerson, actor: string, parts: Parts): Promise<Person> {
  const added = await parts.registry.add({ ...order, person: personName(order.person) }, parts.clock.now());
  const { person, groups } = added;
  await parts.audit.append({ type: 'person.added', person, groups, actor });
  return added;
}

/** Puts a person into these groups and no others. Throws Fault `not_found`. */
export async function regroupPerson(
  person: string,
  groups: readonly string[],
  actor: string,
  { registry, audit }: Parts,
): Promise<Person> {
  const changed = await registry.change(person, { groups });
  await audit.append({ type: 'person.changed', person, groups, actor });
  return changed;
}

/**
 * Takes every right from a person until they are enabled: sessions, logins, passkeys and tokens count for nothing, and what was
 * proved or allowed before does not afterwards either. Throws Fault `not_found`.
 */
export async function disablePerson(person: string, actor: string, parts: Parts): Promise<Person> {
  const { registry, tokens, clock, audit } = parts;
  const changed = await registry.change(person, { state: 'disabled' });
  await registry.revoke(person, clock.now());
  await tokens.end(person);
  await audit.append({ type: 'person.changed', person, state: 'disabled', actor });
  return changed;
}

/** Lets a person in again, with their passkeys. Throws Fault `not_found`. */
export async function enablePerson(
  person: string,
  actor: string,
  { registry, audit }: Parts,
): Promise<Person> {
  const changed = await registry.change(person, { state: 'active' });
  await audit.append({ type: 'person.changed', person, state: 'active', actor });
  return changed;
}

/** Forgets a person and everything they could sign in with. Throws Fault `not_found`. */
export async function removePerson(person: string, actor: string, parts: Parts): Promise<void> {
  const { registry, tokens, clock, audit } = parts;
  if (!(await registry.remove(person, clock.now()))) {
    throw new Fault('not_found', `There is no person ${person} here. See: countersign person list`);
  }
  await tokens.end(person);
  await audit.append({ type: 'person.removed', person, actor });
}

/** Removes a passkey, by its id or how that begins, and ends the sessions of its person. Throws Fault `not_found`, or `invalid_input` when several begin so. */
export async function removePasskey(
  { person, passkey }: { readonly person: string; readonly passkey: string },
  actor: string,
  { passkeys, sessions, audit }: Parts,
): Promise<Passkey> {
  const found = (await passkeys.list(person)).filter(({ id }) => id.startsWith(passkey));
  const [only] = found;
  if (found.length > 1) throw new Fault('invalid_input', `${found.length} passkeys begin with ${passkey}.`);
  const removed = only && (await passkeys.remove(only.id));
  if (!removed) {
    throw new Fault(
      'not_found',
      `${person} has no passkey ${passkey}. See: countersign person show ${person}`,
    );
  }
  await sessions.endAll(person);
  await audit.append({ type: 'passkey.removed', person, passkey: removed.id, actor });
  return removed;
}
