import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import type { Login, PersonRecords } from './login-records.ts';
import type { PersonProvider } from './person-provider.ts';

/** A group as a provider calls it. Null: of whichever provider has it, when only one does. */
export interface GroupName {
  readonly group: string;
  readonly provider: string | null;
}

/** Where the members of a group are looked for. `providers`: those that can be read at the moment. */
export interface GroupSources {
  readonly people: Pick<PersonRecords, 'logins'>;
  readonly providers: readonly Pick<PersonProvider, 'issuer' | 'groups'>[];
}

/**
 * The last logins of everybody whom their provider said to be in a group then, in the order of their names. Fault
 * `not_found` when there is nobody, `conflict` when two providers have a group of that name and none was named: the same
 * name is not the same group.
 */
export async function groupMembers(
  { group, provider }: GroupName,
  { people, providers }: GroupSources,
): Promise<readonly Login[]> {
  const all = await people.logins();
  const asked = all.filter((login) => provider === null || login.provider === provider);
  const members = asked.filter((login) => groupsOf(login, providers).includes(group));
  const having = [...new Set(members.map((login) => login.provider))];
  if (having.length > 1) {
    throw new Fault(
      'conflict',
      `The providers ${having.join(' and ')} have a group ${group} each. Say whose: --provider ${having[0]}`,
    );
  }
  if (members.length > 0) return members;
  const nearest = suggest(group, [...new Set(asked.flatMap((login) => groupsOf(login, providers)))]);
  const hint = nearest ? ` Did you mean ${nearest}?` : '';
  throw new Fault('not_found', `Nobody who logged in is in the group ${group}.${hint}`);
}

/**
 * What the provider called the groups. Where it is gone, or says them elsewhere by now, every claim that was kept counts: it is
 * asked in order to take rights away.
 */
function groupsOf({ issuer, claims }: Login, providers: GroupSources['providers']): readonly string[] {
  const pointer = providers.find((one) => one.issuer === issuer)?.groups;
  const said = pointer === undefined ? undefined : claims[pointer];
  return (said ?? Object.values(claims).flat()).map(String);
}
