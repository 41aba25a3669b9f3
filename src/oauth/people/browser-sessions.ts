import type { Person } from '../../identity/person.ts';
import { sha256Base64url, toBase64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { randomBytes } from '../../kernel/random.ts';
import type { Exchange } from '../../http/exchange.ts';

/** Somebody who signed in with a browser. Times in epoch milliseconds. */
export interface BrowserSession {
  /** base64url(SHA-256) of the cookie. */
  readonly hash: string;
  readonly person: string;
  /** When they proved who they are. */
  readonly authenticatedAt: number;
  /** The provider that says so; null for a passkey. */
  readonly provider: string | null;
  /** The session at the provider (OpenID Connect Front-Channel Logout 1.0 §3, `sid`), or null. */
  readonly sid: string | null;
  /** How they proved it (OpenID Connect Core 1.0 §2); null and none when the provider does not say. */
  readonly acr: string | null;
  readonly amr: readonly string[];
  readonly expiresAt: number;
}

/** Port: sessions of browsers. */
export interface BrowserSessions {
  /** Keeps a session; what is over is forgotten, and of more than `most` of one person the oldest. */
  add(session: BrowserSession, limits: { readonly most: number; readonly now: number }): Promise<void>;
  /** One that is not over, of a person who is not disabled and was not revoked since it began. */
  find(hash: string, now: number): Promise<SignedIn | null>;
  end(hash: string): Promise<boolean>;
  /** Whose sessions one at a provider began. */
  ofProvider(provider: string, sid: string): Promise<readonly string[]>;
  /** Ends those of a person. */
  endAll(person: string): Promise<void>;
}

/** A session that holds, and whose it is. */
export interface SignedIn {
  readonly session: BrowserSession;
  readonly person: Person;
}

/** How long a person stays signed in, whatever they do. */
const sessionLife = 60 * 60_000;
/** How many browsers one person is signed in with. */
const mostSessions = 20;

// RFC 6265bis §4.1.3.2: no other host, and no page over plain HTTP, can have set a cookie of this name.
const cookieName = '__Host-countersign';
/** Lax and not Strict: a client sends its person here from a page of its own. What changes anything is a POST, which Lax holds back. */
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax';

/** Of somebody who opened a passkey just now. */
export function provenByPasskey(person: string, at: number): Omit<BrowserSession, 'hash' | 'expiresAt'> {
  // Phishing-resistant (OpenID Connect Extended Authentication Profile ACR Values 1.0 §3); RFC 8176: a key, and a person who was there.
  return { person, authenticatedAt: at, provider: null, sid: null, acr: 'phr', amr: ['pop', 'user'] };
}

/** Begins a session and gives the Set-Cookie of it. */
export async function beginSession(
  proven: Omit<BrowserSession, 'hash' | 'expiresAt'>,
  { sessions, clock }: { readonly sessions: BrowserSessions; readonly clock: Clock },
): Promise<string> {
  const secret = toBase64url(randomBytes(32));
  const now = clock.now();
  const session = { ...proven, hash: sha256Base64url(secret), expiresAt: now + sessionLife };
  await sessions.add(session, { most: mostSessions, now });
  return `${cookieName}=${secret}; Max-Age=${sessionLife / 1_000}; ${attributes}`;
}

/** The Set-Cookie that takes the cookie of a session away. */
export const endedCookie = `${cookieName}=; Max-Age=0; ${attributes}`;

/** The hash of the session that a request names, or null. */
export function sessionHash(headers: Exchange['headers']): string | null {
  const secret = readCookie(headers, cookieName);
  return secret === null ? null : sha256Base64url(secret);
}

/** The value of a cookie; null when there is none, or two, which no browser sends for names like ours. */
export function readCookie(headers: Exchange['headers'], name: string): string | null {
  const values = (headers.get('cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  const [value = ''] = values;
  return values.length === 1 && /^[A-Za-z0-9_-]{1,3000}$/.test(value) ? value : null;
}
