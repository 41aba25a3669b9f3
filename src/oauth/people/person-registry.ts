import type { Person } from '../../identity/person.ts';

/** Port: the people of an authority. Every promise resolves when the change is durable. */
export interface PersonRegistry {
  find(person: string): Promise<Person | null>;
  /** In the order of their names. */
  list(): Promise<readonly Person[]>;
  /** Adds somebody, who may have logged in at a provider before. Fault `conflict` for somebody who was added. */
  add(person: NewPerson, at: number): Promise<Person>;
  /** Fault `not_found`. */
  change(person: string, patch: PersonPatch): Promise<Person>;
  /** What was proved until `at` counts for nothing from now on. */
  revoke(person: string, at: number): Promise<void>;
  /**
   * Forgets a person with their passkeys, invitations, sessions and account, and keeps that what was proved until `at` counts for
   * nothing. False when there is no such person.
   */
  remove(person: string, at: number): Promise<boolean>;
}

export type NewPerson = Pick<Person, 'person' | 'displayName' | 'groups'>;
export type PersonPatch = Partial<Pick<Person, 'displayName' | 'groups' | 'state'>>;
