import type { Account } from 'oidc-provider';

/** Port: the people who can log in. */
export interface PeopleDirectory {
  /** The person of a subject; undefined for one who is gone, whose refresh tokens then count no longer. */
  find(subject: string): Promise<Account | undefined>;
}
