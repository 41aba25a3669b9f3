import type { AuthorizationServer, TokenEndpointResponse } from 'oauth4webapi';
import { processRefreshTokenResponse, refreshTokenGrantRequest } from 'oauth4webapi';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault, toFault } from '../../kernel/fault.ts';
import type { Credentials } from '../credentials.ts';
import type { Given } from './asked.ts';
import type { Demand } from './challenge.ts';
import { asKept, type KeptClient } from './client-identity.ts';
import { isGrantOver, requestOptions, signInFault } from './library.ts';
import { shown } from './resource-metadata.ts';
import { findServer } from './server-metadata.ts';
import type { SignIn, SignInStore } from './sign-in-store.ts';
import type { Web } from './web.ts';

/** The access tokens for one server. They are in memory only; every request under way shares them, and their renewal. */
export interface Tokens {
  /** The token for a request over a connection with these credentials; null when no server asked for one yet. */
  current(credentials: Credentials | null): Promise<string | null>;
  /** The server took a token. */
  accepted(token: string): void;
  /** The server refused a request for its token: whether it is worth sending again. Throws Fault `sign_in_failed`, … */
  refused(refusal: Refusal): Promise<boolean>;
}

/** A refusal: what is demanded, the token that was shown, and whether a person may be asked for another. */
export interface Refusal {
  readonly demand: Demand;
  readonly sent: string | null;
  readonly mayAsk: boolean;
}

/** What a new sign-in has to bring. */
export interface Need {
  readonly demand: Demand;
  /** Scopes that were asked for before: a step-up never loses any. */
  readonly before: readonly string[];
}

/** A finished sign-in. */
export interface Granted extends Given {
  readonly server: AuthorizationServer;
  readonly resource: string;
  readonly scopes: readonly string[];
}

export interface TokenPorts {
  /** For words to people. */
  readonly place: string;
  /** The credentials as of now; null where none are ours to show. */
  readonly credentials: () => Promise<Credentials | null>;
  readonly openWeb: (credentials: Credentials | null) => Web;
  /** Whether nobody has to be asked. */
  readonly unattended: boolean;
  /** Signs in anew. */
  readonly signIn: (web: Web, credentials: Credentials | null, need: Need) => Promise<Granted>;
  readonly store: SignInStore;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly stop: AbortSignal;
}

interface Held {
  readonly value: string;
  readonly renewAt: number;
  readonly endsAt: number;
  readonly boundTo: string | null;
  readonly origin: 'sign-in' | 'refresh';
  accepted: boolean;
}

/** A token is renewed so long before its end that a request with it still arrives, but not before it is nearly over. */
const margin = 30_000;
const latest = 0.8;
/** A person who has just said no is left in peace for so long. */
const quiet = 30_000;
/** How often it is looked whether the sign-in is still there. */
const looking = 1_000;
/** What a server that names no end is believed. */
const usualLife = 300_000;

export function createTokens(ports: TokenPorts): Tokens {
  const { store, clock, log, place } = ports;
  let held: Held | null = null;
  let last: Need | null = null;
  let work: Promise<void> | null = null;
  let trouble: { readonly fault: Fault; readonly until: number } | null = null;
  let asked: readonly string[] = [];
  // Whether the sign-in lies in the store, and when it was last seen there.
  let kept = false;
  let sawAt = clock.monotonic();
  // Whether a sign-in of earlier days was looked for.
  let looked = false;
  const share = (task: () => Promise<void>): Promise<void> => {
    work ??= task().finally(() => {
      work = null;
    });
    return work;
  };

  const keep = (answer: TokenEndpointResponse, credentials: Credentials | null, origin: Held['origin']) => {
    if (answer.token_type !== 'bearer') {
      throw new Fault(
        'sign_in_failed',
        `What was given for ${place} is a token of the kind ${shown(answer.token_type)}.`,
      );
    }
    const life = answer.expires_in === undefined ? usualLife : answer.expires_in * 1_000;
    held = {
      value: answer.access_token,
      renewAt: clock.now() + Math.max(life - margin, life * latest),
      endsAt: clock.now() + life,
      boundTo: boundTo(credentials),
      origin,
      accepted: false,
    };
  };

  /** Whether a token is there and was given over the certificate that is in use: it is bound to that one (RFC 8705 §3). */
  const usable = (credentials: Credentials | null, until: 'renewAt' | 'endsAt'): boolean =>
    held !== null && held[until] > clock.now() && held.boundTo === boundTo(credentials);

  const refresh = async (): Promise<void> => {
    const credentials = await ports.credentials();
    await using _turn = await store.lock(ports.stop);
    const signIn = await store.read();
    if (!signIn) {
      // What cannot be renewed is used to its end.
      if (!usable(credentials, 'endsAt')) held = null;
      return;
    }
    await using web = ports.openWeb(credentials);
    try {
      const answer = await redeem(web, signIn);
      keep(answer, credentials, 'refresh');
      asked = signIn.scopes;
      kept = true;
      if (answer.refresh_token !== undefined) {
        await store.write({ ...signIn, refreshToken: answer.refresh_token });
      }
    } catch (error) {
      if (!isGrantOver(error)) throw signInFault(error, signIn.issuer);
      held = null;
      await store.forget();
      log(`The sign-in for ${place} is over; whoever calls next signs in again.`);
    }
  };

  const signIn = async (need: Need): Promise<void> => {
    const credentials = await ports.credentials();
    await using web = ports.openWeb(credentials);
    const { answer, identity, server, resource, scopes } = await ports.signIn(web, credentials, need);
    keep(answer, credentials, 'sign-in');
    asked = scopes;
    last = need;
    const { refresh_token: refreshToken } = answer;
    await using _turn = await store.lock(ports.stop);
    kept = refreshToken !== undefined;
    if (refreshToken === undefined) await store.forget();
    else await store.write({ issuer: server.issuer, resource, client: identity.kept, refreshToken, scopes });
  };

  const renew = async (): Promise<void> => {
    looked = true;
    // Without a person there is no refresh token, and none is needed.
    if (ports.unattended && last !== null) await signIn(last);
    else await refresh();
  };

  const begin = async (need: Need, sent: string | null): Promise<void> => {
    if (held && held.value !== sent) return;
    if (trouble && clock.monotonic() < trouble.until) throw trouble.fault;
    trouble = null;
    try {
      await signIn(need);
      log(`Signed in for ${place}.`);
    } catch (error) {
      const fault = toFault(error);
      trouble = { fault, until: clock.monotonic() + quiet };
      log(`No sign-in for ${place}: ${fault.message}`);
      throw fault;
    }
  };

  return {
    async current(credentials) {
      if (kept && clock.monotonic() - sawAt >= looking) {
        sawAt = clock.monotonic();
        // Somebody signed out.
        if (!(await store.isThere())) [held, kept] = [null, false];
      }
      if (usable(credentials, 'renewAt')) return held?.value ?? null;
      if (!held && !work && looked) return null;
      try {
        await share(renew);
      } catch (error) {
        // The old one is good to its end, whatever has become of the next.
        if (!usable(credentials, 'endsAt')) throw error;
        log(`The token for ${place} was not renewed yet: ${errorText(error)}`);
      }
      return usable(credentials, 'endsAt') ? (held?.value ?? null) : null;
    },
    accepted(token) {
      if (held?.value === token) held.accepted = true;
    },
    async refused({ demand, sent, mayAsk }) {
      if (work) await work;
      if (held && held.value !== sent) return true;
      const fresh = held !== null && !held.accepted;
      if (demand.error === 'insufficient_scope') {
        const wanted = demand.scopes ?? [];
        if (sent !== null && wanted.every((scope) => asked.includes(scope))) throw notEnough(place, demand);
      } else if (fresh && held?.origin === 'sign-in') {
        throw notTaken(place, demand);
      } else if (!fresh && demand.error !== reauthenticate) {
        // Another bridge may have signed in, or the token was taken back and the sign-in was not.
        held = null;
        await share(refresh);
        if (isHeld()) return true;
      }
      if (!mayAsk && !ports.unattended) return false;
      await share(() => begin({ demand, before: sent === null ? [] : asked }, sent));
      return true;
    },
  };

  /** Asked anew: awaiting in between lets others change it. */
  function isHeld(): boolean {
    return held !== null;
  }
}

/** RFC 9470 §3: the person has to authenticate in another way, or again; no refresh makes up for it. */
const reauthenticate = 'insufficient_user_authentication';

async function redeem(web: Web, signIn: SignIn): Promise<TokenEndpointResponse> {
  const server = await findServer(web, signIn.issuer);
  const { client, authentication } = asKept(signIn.client satisfies KeptClient);
  const options = { ...requestOptions(web), additionalParameters: { resource: signIn.resource } };
  const response = await refreshTokenGrantRequest(
    server,
    client,
    authentication,
    signIn.refreshToken,
    options,
  );
  return await processRefreshTokenResponse(server, client, response);
}

function boundTo(credentials: Credentials | null): string | null {
  return credentials && sha256Base64url(credentials.leaf.der);
}

function notEnough(place: string, { scopes, description }: Demand): Fault {
  const more = description === null ? '' : ` (${shown(description)})`;
  const names = shown((scopes ?? []).join(' ')) || 'no scope that it names';
  return new Fault(
    'sign_in_failed',
    `More is wanted at ${place} than the sign-in gave: ${names}${more}. Ask whoever runs it to let you have that.`,
  );
}

function notTaken(place: string, { error, description }: Demand): Fault {
  const why = [error, description].filter((word) => word !== null).join(', ');
  return new Fault(
    'sign_in_failed',
    `The token that was just given for ${place} is refused there: ${shown(why) || 'it does not say why'}.`,
  );
}
