import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { Exchange } from '../../http/exchange.ts';
import { toBase64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { randomBytes } from '../../kernel/random.ts';
import { type BrowserSessions, readCookie, sessionHash, type SignedIn } from './browser-sessions.ts';
import type { Challenges } from './challenge.ts';
import type { Consents } from './consents.ts';
import type { Invitations } from './invitations.ts';
import type { Passkeys } from './passkeys.ts';
import type { PersonRegistry } from './person-registry.ts';
import type { PersonTokens } from './person-tokens.ts';

/** What the pages for people work on. */
export interface PeopleDoor {
  readonly registry: PersonRegistry;
  readonly passkeys: Passkeys;
  readonly invitations: Invitations;
  readonly sessions: BrowserSessions;
  readonly consents: Consents;
  readonly tokens: PersonTokens;
  readonly challenges: Challenges;
  /** Providers at which people sign in; with one there are no passkeys. Throws Fault `unavailable`. */
  places(): Promise<readonly string[]>;
  readonly used: UsedOnce;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, 'append'>;
  /** Where what is not accepted is recorded: whoever reaches the listener can present it. */
  readonly strangers: Pick<BoundedRecord, 'record'>;
}

/** Port: what is good once, remembered until it ends. Times in epoch milliseconds. */
export interface UsedOnce {
  /** True for exactly one caller ever. */
  take(hash: string, endsAt: number, now: number): Promise<boolean>;
}

/** Who is signed in with the browser of a request, or null. */
export async function signedIn(exchange: Exchange, door: PeopleDoor): Promise<SignedIn | null> {
  const hash = sessionHash(exchange.headers);
  return hash === null ? null : await door.sessions.find(hash, door.clock.now());
}

const browserCookie = '__Host-countersign-browser';

/** What tells a browser that is not signed in from others, or null when it has not been here. */
export function browserOf({ headers }: Exchange): string | null {
  return readCookie(headers, browserCookie);
}

/** A browser of its own, and its Set-Cookie. It says who nobody is, so it may stay for as long as a browser is open. */
export function newBrowser(): { readonly browser: string; readonly cookie: string } {
  const browser = toBase64url(randomBytes(16));
  return { browser, cookie: `${browserCookie}=${browser}; Path=/; Secure; HttpOnly; SameSite=Strict` };
}
