import { assertNever } from '../../kernel/assert-never.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ServerCredential, Wish } from './read-credential.ts';
import {
  createTokenEndpoint,
  type ObtainedToken,
  type TokenEndpoint,
  type TokenEndpointPorts,
} from './token-endpoint.ts';

/** For whom a token is. */
export interface TokenAsker {
  /** The agent, and the person where there is one: nobody else gets what was obtained for them. */
  readonly caller: string;
  /** The verified access token of the caller, to be exchanged; null where there is none. */
  readonly subjectToken: string | null;
}

/** The tokens that the gateway has for one server. */
export interface ServerTokens extends AsyncDisposable {
  /** Throws Fault `credential_unobtained`. */
  current(asker: TokenAsker): Promise<string>;
  /** The server did not take this one: the next is another. */
  refused(asker: TokenAsker, token: string): void;
}

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const idJag = 'urn:ietf:params:oauth:token-type:id-jag';

/** A token is not used in the last seconds of its life, which the call would outlive. */
const margin = 5_000;
const mostHeld = 4_096;
/** How long the token of a caller is looked for in what leaves; most live five minutes, and each use begins anew. */
const subjectLearnt = 15 * 60_000;

interface Held {
  readonly token: Promise<string>;
  /** Infinite until the token is there. */
  until: number;
}

/** Obtains tokens and holds them, in memory, until they end. Who asks while one is under way waits for that one. */
export function createServerTokens(credential: ServerCredential, ports: TokenEndpointPorts): ServerTokens {
  const obtain = obtainerOf(credential, ports);
  const held = new Map<string, Held>();

  const forget = (key: string, one: Held): void => {
    if (held.get(key) === one) held.delete(key);
  };
  const keep = async (
    key: string,
    one: Held,
    { obtained, asked }: { readonly obtained: Promise<ObtainedToken>; readonly asked: number },
  ): Promise<void> => {
    try {
      const { life } = await obtained;
      one.until = asked + life - margin;
    } catch {
      // Whoever waits is told; what failed is tried again by the next call.
      forget(key, one);
    }
  };
  const begin = (key: string, asker: TokenAsker): Promise<string> => {
    if (asker.subjectToken !== null) ports.learn(asker.subjectToken, subjectLearnt);
    const asked = ports.clock.monotonic();
    const obtained = obtain.request(asker);
    const one: Held = { token: obtained.then(({ value }) => value), until: Number.POSITIVE_INFINITY };
    const [oldest] = held.keys();
    if (held.size >= mostHeld && oldest !== undefined) held.delete(oldest);
    held.set(key, one);
    void keep(key, one, { obtained, asked });
    return one.token;
  };

  return {
    async current(asker) {
      if (credential.kind !== 'client-credentials' && asker.subjectToken === null) {
        throw new Fault(
          'credential_unobtained',
          'This MCP server is called for a person, and the call came without a token of one. Name the server in tokens.yaml, so that every call has one.',
        );
      }
      const key = keyOf(asker);
      const known = held.get(key);
      if (known && ports.clock.monotonic() < known.until) return await known.token;
      return await begin(key, asker);
    },
    refused(asker, token) {
      const key = keyOf(asker);
      const known = held.get(key);
      if (known) void known.token.then((value) => value === token && forget(key, known));
    },
    async [Symbol.asyncDispose]() {
      held.clear();
      await obtain[Symbol.asyncDispose]();
    },
  };
}

/** What was obtained with one token is not for a call with another, which may be allowed less. */
function keyOf({ caller, subjectToken }: TokenAsker): string {
  return `${caller} ${subjectToken === null ? '' : sha256Base64url(subjectToken)}`;
}

interface Obtainer extends AsyncDisposable {
  request(asker: TokenAsker): Promise<ObtainedToken>;
}

function obtainerOf(credential: ServerCredential, ports: TokenEndpointPorts): Obtainer {
  const server = createTokenEndpoint(credential.server, ports);
  switch (credential.kind) {
    case 'client-credentials':
      return {
        request: async () =>
          usable(await server.request({ grant_type: 'client_credentials', ...wishOf(credential) }), null),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    case 'exchange':
      return {
        request: async ({ subjectToken }) =>
          usable(
            await server.request({
              ...exchangeOf(subjectToken, accessToken),
              audience: credential.audience,
              ...wishOf(credential),
            }),
            accessToken,
          ),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    case 'id-jag':
      return throughProvider(credential, server, createTokenEndpoint(credential.provider, ports));
    default:
      return assertNever(credential);
  }
}

/** draft-ietf-oauth-identity-assertion-authz-grant: the provider says for whom, the server's own AS gives the token. */
function throughProvider(
  credential: Extract<ServerCredential, { kind: 'id-jag' }>,
  server: TokenEndpoint,
  provider: TokenEndpoint,
): Obtainer {
  return {
    async request({ subjectToken }) {
      const asked = {
        ...exchangeOf(subjectToken, idJag),
        audience: credential.server.issuer,
        ...wishOf(credential),
      };
      const assertion = await provider.request(asked);
      if (assertion.type !== idJag)
        throw notWhatWasAsked(`the identity provider gave ${assertion.type ?? 'a token of no type'}`);
      const granted = await server.request({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: assertion.value,
        scope: wishOf(credential).scope,
      });
      return usable(granted, null);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([server[Symbol.asyncDispose](), provider[Symbol.asyncDispose]()]);
    },
  };
}

/** RFC 8693 §2.1. The gateway authenticates itself as the client, so that the token's `act` can name it. */
function exchangeOf(subjectToken: string | null, requested: string): Readonly<Record<string, string | null>> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken,
    subject_token_type: accessToken,
    requested_token_type: requested,
  };
}

function wishOf({ scopes, resource }: Wish): {
  readonly scope: string | null;
  readonly resource: string | null;
} {
  return { scope: scopes.length > 0 ? scopes.join(' ') : null, resource };
}

/** RFC 8693 §2.2.1: a token of another type than was asked for is none that a server takes. */
function usable(token: ObtainedToken, type: string | null): ObtainedToken {
  if (!token.bearer) throw notWhatWasAsked('the token is bound to a key, which the server would ask for');
  if (type !== null && token.type !== type)
    throw notWhatWasAsked(`the token is ${token.type ?? 'of no type'}`);
  return token;
}

function notWhatWasAsked(why: string): Fault {
  return new Fault(
    'credential_unobtained',
    `The gateway got no token for the MCP server that it can use: ${why}.`,
  );
}
