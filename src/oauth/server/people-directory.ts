import type { Account } from 'oidc-provider';

/** Port: the people who can log in. */
export interface PeopleDirectory {
  /** The person of a subject; undefined for one who is gone, whose refresh tokens then count no longer. */
  find(subject: string): Promise<Account | undefined>;
  /** The scopes that they may give clients now; null for all that there are. */
  scopesOf(subject: string): Promise<ReadonlySet<string> | null>;
}

/** Those of the scopes that a person may give now, whatever they could when they said yes. */
export async function givenBy(
  person: string,
  scopes: readonly string[],
  people: Pick<PeopleDirectory, 'scopesOf'>,
): Promise<readonly string[]> {
  const may = await people.scopesOf(person);
  return may === null ? scopes : scopes.filter((scope) => may.has(scope));
}
