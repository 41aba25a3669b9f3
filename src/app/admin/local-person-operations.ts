import { z } from 'zod';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Person } from '../../identity/person.ts';
import {
  addPerson,
  disablePerson,
  enablePerson,
  regroupPerson,
  removePasskey,
  removePerson,
} from '../../oauth/people/administer-people.ts';
import { invite } from '../../oauth/people/invitations.ts';
import type { Passkey } from '../../oauth/people/passkeys.ts';
import type { Authority } from '../authority/authority.ts';
import { type Operation, operation } from './operation.ts';

const person = z.string().trim().min(1).max(500);
const one = z.strictObject({ person });
const groups = z
  .array(z.string().regex(/^[\x21-\x7e]{1,256}$/, 'must be 1 to 256 visible ASCII characters'))
  .max(256);

/** The acts on people who are known here. */
export const localPersonOperations: readonly Operation[] = [
  operation(
    'person.add',
    true,
    z.strictObject({
      person,
      displayName: z.string().trim().min(1).max(200).nullable().default(null),
      groups: groups.default([]),
    }),
    async ({ people }, input, actor) => shown(await addPerson(input, actor.name, people.door)),
  ),
  operation('person.list', false, z.strictObject({}), async ({ store }) => {
    const all = await store.people.list();
    return await Promise.all(
      all.map(async ({ login, ...each }) => ({
        ...shown(each),
        passkeys: (await store.passkeys.list(each.person)).length,
        provider: login?.provider ?? null,
      })),
    );
  }),
  operation('person.show', false, one, (authority, input) => showPerson(authority, input.person)),
  operation('person.disable', true, one, async ({ people }, input, actor) =>
    shown(await disablePerson(input.person, actor.name, people.door)),
  ),
  operation('person.enable', true, one, async ({ people }, input, actor) =>
    shown(await enablePerson(input.person, actor.name, people.door)),
  ),
  operation('person.remove', true, one, async ({ people }, input, actor) => {
    await removePerson(input.person, actor.name, people.door);
    return { removed: input.person };
  }),
  operation('person.groups', true, z.strictObject({ person, groups }), async ({ people }, input, actor) =>
    shown(await regroupPerson(input.person, input.groups, actor.name, people.door)),
  ),
  operation('person.invite', true, one, async ({ people, store }, input, actor) => {
    const { secret, expiresAt } = await invite(input.person, actor.name, people.door);
    return { link: enrolLink(await store.meta.get('people-url'), secret), expiresAt };
  }),
  operation(
    'person.passkey.remove',
    true,
    z.strictObject({ person, passkey: z.string().min(4).max(1_400) }),
    async ({ people }, input, actor) => {
      const { id, ...rest } = await removePasskey(input, actor.name, people.door);
      return { removed: id, person: rest.person };
    },
  ),
];

/** The link of an invitation. What stands behind # is sent to no server and kept in no log of one. */
export function enrolLink(peopleUrl: string | null, secret: string): string {
  return `${peopleUrl ?? 'https://localhost:8445'}/enrol#${secret}`;
}

async function showPerson({ store, people }: Authority, wanted: string): Promise<Json> {
  const found = await store.people.find(wanted);
  if (!found) {
    throw new Fault('not_found', `There is no person ${wanted} here. See: countersign person list`);
  }
  const { login: _login, ...known } = found;
  const login = await people.explain(wanted);
  const agents = (await store.agents.list()).filter(({ owner }) => owner === wanted);
  return {
    ...shown(known),
    login: login && { ...login },
    agents: agents.map(({ name }) => name),
    passkeys: (await store.passkeys.list(wanted)).map(shownPasskey),
  };
}

function shown({ person: name, ...rest }: Person): { [member: string]: Json } {
  return { person: name, ...rest, groups: [...rest.groups] };
}

function shownPasskey({ id, host, mayBeCopied, isCopied, createdAt, lastUsedAt, transports }: Passkey): Json {
  return { id, host, mayBeCopied, isCopied, createdAt, lastUsedAt, transports: [...transports] };
}
