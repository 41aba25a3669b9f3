import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Credentials } from '../credentials.ts';
import type { Identity } from '../identity.ts';
import type { Person } from './asked.ts';
import { createSignIn, type SignInSettings } from './sign-in.ts';
import { createMemoryStore, createSignInStore } from './sign-in-store.ts';
import { createTokens, type Tokens } from './tokens.ts';
import { openWeb } from './web.ts';

/** How the bridge gets tokens, and how it shows a person the way. */
export interface SignInOptions {
  readonly settings: SignInSettings;
  /** Of the loopback page that the browser comes back to; any free one unless it is given. */
  readonly callbackPort: number | null;
  readonly hasBrowser: boolean;
  readonly showPage: (url: string) => void;
  readonly showCode: Person['showCode'];
}

/** Whom the tokens are for. */
interface Place {
  /** The MCP server, as we speak to it. */
  readonly server: string;
  /** Where a sign-in is kept; null forgets it with the bridge. */
  readonly folder: string | null;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Ends sign-ins with the bridge. */
  readonly stop: AbortSignal;
}

interface OurGateway extends Place {
  readonly kind: 'gateway';
  readonly identity: Identity;
  readonly authority: string | null;
}

interface OtherServer extends Place {
  readonly kind: 'server';
  readonly roots: string | null;
}

/** How long a person is waited for. */
const patience = 10 * 60_000;

/**
 * The tokens for one server. Our certificate is shown to our own gateway and authority, and to an authorization server that our gateway names and
 * that binds tokens to certificates; to nobody else.
 */
export function openTokens(options: SignInOptions, place: OurGateway | OtherServer): Tokens {
  const { settings } = options;
  const { server, folder, clock, log, stop } = place;
  const { issuer } = settings;
  const authority = place.kind === 'gateway' ? place.authority : null;
  const roots = place.kind === 'server' ? place.roots : null;
  const named = issuer === null ? [] : [issuer];
  return createTokens({
    place: `the ${place.kind} ${server}`,
    credentials: async () => (place.kind === 'gateway' ? await place.identity.current() : null),
    openWeb: (credentials: Credentials | null) =>
      openWeb({ server, named, roots, own: credentials && { credentials, authority } }),
    unattended: settings.way === 'client-credentials',
    signIn: createSignIn({
      server,
      authority,
      settings,
      hasBrowser: options.hasBrowser,
      person: () => personFor(options, clock, stop),
    }),
    store: folder === null ? createMemoryStore() : createSignInStore(folder, server, clock),
    clock,
    log,
    stop,
  });
}

/** A signal that is aborted when what is around ends. */
export function stopOf(around: AsyncDisposableStack): AbortSignal {
  const stop = new AbortController();
  around.defer(() => stop.abort(new Fault('unavailable', 'The bridge has ended.')));
  return stop.signal;
}

function personFor(options: SignInOptions, clock: Clock, stop: AbortSignal): Person {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new Fault('timed_out', 'Nobody signed in within ten minutes.')),
    patience,
  );
  timer.unref();
  const signal = AbortSignal.any([late.signal, stop]);
  return {
    port: options.callbackPort,
    showPage: options.showPage,
    showCode: options.showCode,
    clock,
    signal,
    async pause(milliseconds, until) {
      await wait(milliseconds, undefined, { signal: until }).catch(() => {
        throw until.reason;
      });
    },
  };
}
