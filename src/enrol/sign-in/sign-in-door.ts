import type { JSONWebKeySet } from 'jose';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Seal } from '../../kernel/seal.ts';
import { beginSession } from '../../oauth/people/browser-sessions.ts';
import type { PeopleDoor } from '../../oauth/people/people-door.ts';
import { scopesOf } from '../person/derive-roles.ts';
import type { Login, PersonRecord } from '../person/login-records.ts';
import { refused } from '../person/read-person.ts';
import { verifyLogin } from '../person/verify-login.ts';
import { readToken } from '../workload/read-token.ts';
import { kidOf } from '../workload/workload-door.ts';
import { verifyLogoutToken } from './logout-token.ts';
import { loginPage, redeemAnswer, type Underway, type UpstreamProvider } from './upstream.ts';

/** What signing in at a provider works on. */
export interface SignInDoor {
  readonly people: PeopleDoor;
  /** Those with pages, by name; null for none of that name. Throws Fault `unavailable`. */
  upstream(name: string): Promise<UpstreamProvider | null>;
  /** By the `iss` of their tokens. */
  upstreamOf(issuer: unknown): Promise<UpstreamProvider | null>;
  keysOf(upstream: UpstreamProvider, kid: string | null): Promise<JSONWebKeySet>;
  readonly logins: {
    find(person: string): Promise<PersonRecord | null>;
    enter(login: Login): Promise<void>;
    /** Whose account it is; null for nobody's. */
    ofAccount(issuer: string, subject: string): Promise<string | null>;
  };
  readonly seal: Seal;
  readonly clock: Clock;
}

/** How long somebody may take at the provider. */
const patience = 15 * 60_000;
const context = ['sign-in at a provider'];

/** What a browser brings when it begins, and where it goes on. */
export interface SignInStart {
  readonly provider: string;
  /** A path of ours. */
  readonly onward: string;
  /** Whether the person has to prove anew who they are. */
  readonly again: boolean;
  readonly redirectUri: string;
}

/** Where the browser goes, and what it keeps meanwhile, which only we can read. Throws Fault `not_found` or `unavailable`. */
export async function beginUpstream(
  { provider, onward, again, redirectUri }: SignInStart,
  door: SignInDoor,
): Promise<{ readonly url: string; readonly kept: string }> {
  const upstream = await door.upstream(provider);
  if (!upstream) throw new Fault('not_found', `Nobody signs in at ${provider.slice(0, 64)} here.`);
  const { url, underway } = await loginPage(upstream, redirectUri, again);
  const kept: Kept = { ...underway, provider, onward, endsAt: door.clock.now() + patience };
  return { url, kept: door.seal.seal(JSON.stringify(kept), context) };
}

interface Kept extends Underway {
  readonly provider: string;
  readonly onward: string;
  readonly endsAt: number;
}

/** What comes back from a provider. */
export interface SignInReturn {
  readonly query: URLSearchParams;
  /** What the browser kept, or null. */
  readonly kept: string | null;
  readonly redirectUri: string;
  readonly address: string;
}

/**
 * Signs in whom the provider names, as the person whose account that is; the Set-Cookie of the session, and where the browser goes on. What was
 * begun in another browser, or came back before, is nothing. Throws Fault `login_refused` or `unavailable`.
 */
export async function finishUpstream(
  answer: SignInReturn,
  door: SignInDoor,
): Promise<{ readonly cookie: string; readonly onward: string }> {
  const { clock, people } = door;
  const { address } = answer;
  const seen: { provider: string | null; person: string | null } = { provider: null, person: null };
  try {
    const kept = readKept(answer.kept, door);
    seen.provider = kept.provider;
    const upstream = await door.upstream(kept.provider);
    if (!upstream) throw refused(`people do not sign in at ${kept.provider} any more`);
    if (answer.query.get('state') !== kept.state) throw refused('it was not begun in this browser');
    if (!(await people.used.take(sha256Base64url(kept.state), kept.endsAt, clock.now()))) {
      throw refused('it came back before');
    }
    const { provider } = upstream;
    const token = readToken(await redeemAnswer(upstream, answer.query, kept, answer.redirectUri));
    const keys = await door.keysOf(upstream, kidOf(token));
    const ours = { ...provider, client: provider.pages.client, withoutNonce: false };
    const { login } = await verifyLogin(token, ours, keys, { keyHash: kept.nonce, now: clock.now() });
    seen.person = login.person;
    const before = (await door.logins.find(login.person))?.login ?? null;
    await door.logins.enter(login);
    if (before && lostScopes(before, login, provider)) await people.tokens.end(login.person);
    await people.audit.append({ type: 'person.signed-in', ...seen, address });
    const { sid, acr, amr } = token.claims;
    const cookie = await beginSession(
      {
        person: login.person,
        authenticatedAt: login.authenticatedAt,
        provider: provider.name,
        sid: typeof sid === 'string' ? sid : null,
        acr: typeof acr === 'string' ? acr.slice(0, 200) : null,
        amr: Array.isArray(amr) ? amr.filter((each) => typeof each === 'string').slice(0, 16) : [],
      },
      people,
    );
    return { cookie, onward: kept.onward };
  } catch (error) {
    const { code, message } = toFault(error);
    await people.strangers.record({
      type: 'person.sign-in-refused',
      ...seen,
      code,
      reason: message,
      address,
    });
    if (code === 'workload_refused') throw new Fault('login_refused', message, { cause: error });
    throw error;
  }
}

/** Somebody left a group: what clients hold may say more than they may give now. */
function lostScopes(before: Login, now: Login, provider: UpstreamProvider['provider']): boolean {
  const [had, has] = [scopesOf(provider, before.claims), scopesOf(provider, now.claims)];
  return has !== null && (had === null || [...had].some((scope) => !has.has(scope)));
}

function readKept(kept: string | null, { seal, clock }: SignInDoor): Kept {
  const text = kept === null ? null : seal.open(kept, context);
  const read = text === null ? null : (JSON.parse(text) as Kept);
  if (read && clock.now() < read.endsAt) return read;
  throw refused('it was not begun in this browser, or too long ago');
}

/**
 * A provider says that somebody logged out there: their sessions here, their grants and their tokens end. How many people that were. Throws
 * Fault `login_refused` or `unavailable`.
 */
export async function takeLogout(text: string, address: string, door: SignInDoor): Promise<number> {
  const { people, clock } = door;
  try {
    const token = readToken(text);
    const upstream = await door.upstreamOf(token.claims['iss']);
    if (!upstream) throw refused('it is of a provider that nobody signs in at here');
    const { issuer, name, pages } = upstream.provider;
    const keys = await door.keysOf(upstream, kidOf(token));
    const now = clock.now();
    const out = await verifyLogoutToken(token, { issuer, client: pages.client, now }, keys);
    if (!(await people.used.take(token.hash, out.endsAt, now))) throw refused('it was used already');
    const known = out.subject === null ? null : await door.logins.ofAccount(issuer, out.subject);
    const there = out.session === null ? [] : await people.sessions.ofProvider(name, out.session);
    const gone = new Set([...(known === null ? [] : [known]), ...there]);
    for (const person of gone) {
      await people.sessions.endAll(person);
      await people.tokens.end(person);
      await people.audit.append({ type: 'person.logged-out', person, provider: name, address });
    }
    return gone.size;
  } catch (error) {
    const { code, message } = toFault(error);
    const event = { type: 'person.sign-in-refused', person: null, code, reason: message, address } as const;
    await people.strangers.record(event);
    if (code === 'workload_refused') throw new Fault('login_refused', message, { cause: error });
    throw error;
  }
}
