import type { AgentRecord } from '../../identity/agent-record.ts';
import type { Person } from '../../identity/person.ts';
import type { DerivedRole, PersonClaims } from './derive-roles.ts';

/** A login that holds. Times in epoch milliseconds. */
export interface Login {
  /** As owners of agents are written. */
  readonly person: string;
  /** The provider, by the name that it has here. */
  readonly provider: string;
  readonly issuer: string;
  /** The account at the issuer (OpenID Connect Core 1.0 §2, `sub`), which stays when a name goes to somebody else. */
  readonly subject: string;
  readonly claims: PersonClaims;
  readonly at: number;
  /** When they proved to the provider who they are; when the token was made where that is not known. */
  readonly authenticatedAt: number;
}

/** What is remembered of a person. */
export interface PersonRecord extends Person {
  /** The last login at a provider, or null for somebody who never logged in at one. */
  readonly login: Login | null;
}

/** Port: the people who logged in. Every promise resolves when the change is durable. */
export interface PersonRecords {
  find(person: string): Promise<PersonRecord | null>;
  /** The last login of everybody who has one, in the order of their names. */
  logins(): Promise<readonly Login[]>;
  /**
   * Records a login. Fault `login_refused` when the name is that of another account, the person is disabled, or was revoked since
   * they proved who they are; decided in the same transaction.
   */
  enter(login: Login): Promise<void>;
  /** What is proved until `at` counts for nothing from now on. */
  revoke(person: string, at: number): Promise<void>;
  /** Forgets the account, so that the name may be another's. False when it has none. */
  forget(person: string): Promise<boolean>;
}

/** The roles of an agent by where they come from; those in force are both together. */
export interface RoleOrigins {
  readonly byHand: readonly string[];
  readonly derived: readonly DerivedRole[];
}

/** Port: agents as the door of people sees them. */
export interface OwnedAgents {
  find(name: string): Promise<AgentRecord | null>;
  list(): Promise<readonly AgentRecord[]>;
  /** Fault `conflict` when the name is taken. */
  add(record: AgentRecord): Promise<void>;
  /** Replaces the derived roles of an agent; those given by hand stay. True when its roles are others now. */
  derive(name: string, derived: readonly DerivedRole[]): Promise<boolean>;
  /** Null for an agent whose roles were all given by hand. */
  origins(name: string): Promise<RoleOrigins | null>;
}
