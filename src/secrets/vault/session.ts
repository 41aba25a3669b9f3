import { readFile } from 'node:fs/promises';
import type { Client, WholeResponse } from '../../http/fetch.ts';
import { assertNever } from '../../kernel/assert-never.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import {
  type Asked,
  connect,
  fixedHeaders,
  notVault,
  readBody,
  readPair,
  refusal,
  send,
} from './exchange.ts';
import type { VaultPlace, VaultPorts } from './vault-place.ts';

/** Speaks to one Vault with a token that is fetched and replaced as needed. */
export interface VaultSession extends AsyncDisposable {
  /**
   * One request below /v1/, with the token; after a 403 once more with a new one. Null is a 404. Throws Fault
   * `unavailable` for whatever may pass, and the code for refusals for what will not.
   */
  ask(
    method: 'GET' | 'POST',
    path: string,
    body: JsonObject | null,
    signal: AbortSignal,
  ): Promise<Json | null>;
  /** When the token in use ends and takes with it what was leased under it, on the monotonic clock. */
  tokenEnds(): number;
  /** Ends the tokens that were fetched, and with them everything that was leased under them. Never throws. */
  revokeTokens(signal: AbortSignal): Promise<void>;
}

interface Token {
  readonly text: string;
  /** On the monotonic clock: what is asked after that is asked with a new one. */
  readonly until: number;
  readonly ends: number;
  /** Whether it is ours to end. */
  readonly fetched: boolean;
}

const longestTokenFile = 16 * 1024;

/** Throws the fault of the code `refused` when the files named in the place cannot be read. */
export async function openVaultSession(place: VaultPlace, ports: VaultPorts): Promise<VaultSession> {
  const client = await connect(place, ports, null);
  const fetched = new Set<Token>();
  let token: Promise<Token> | null = null;
  let ends = Number.POSITIVE_INFINITY;

  /** For the next request a new one is fetched, unless somebody has done so already. */
  const drop = (used: Promise<Token>): void => {
    if (token === used) token = null;
  };
  const obtain = async (signal: AbortSignal): Promise<Token> => {
    const made = await logIn(place, ports, client, signal);
    const now = ports.clock.monotonic();
    for (const old of fetched) if (old.ends <= now) fetched.delete(old);
    if (made.fetched) fetched.add(made);
    ends = made.ends;
    return made;
  };
  const attempt = async (request: Asked, signal: AbortSignal): Promise<WholeResponse> => {
    const used = (token ??= obtain(signal));
    try {
      const { text, until } = await used;
      if (ports.clock.monotonic() >= until) drop(used);
      const headers = { 'x-vault-token': text, ...fixedHeaders(place) };
      const answer = await send(client, place, { ...request, headers, signal, ports });
      if (answer.status === 403) drop(used);
      return answer;
    } catch (error) {
      drop(used);
      throw error;
    }
  };

  return {
    async ask(method, path, body, signal) {
      const request = { method, path, body };
      const first = await attempt(request, signal);
      // The token ended, was revoked, or its file has been replaced meanwhile: once more with a new one.
      const answer = first.status === 403 ? await attempt(request, signal) : first;
      if (answer.status === 404 && method === 'GET') return null;
      if (answer.status >= 200 && answer.status < 300) return readBody(answer, place);
      throw refusal(answer, place, `${method} ${path}`, ports);
    },
    tokenEnds: () => ends,
    async revokeTokens(signal) {
      token = null;
      const tokens = [...fetched];
      fetched.clear();
      const request = { method: 'POST', path: 'auth/token/revoke-self', body: null } as const;
      await Promise.allSettled(
        tokens.map(({ text }) => {
          const headers = { 'x-vault-token': text, ...fixedHeaders(place) };
          return send(client, place, { ...request, headers, signal, ports });
        }),
      );
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

interface LoggingIn {
  readonly place: VaultPlace;
  readonly ports: VaultPorts;
  readonly client: Client;
  readonly signal: AbortSignal;
}

async function logIn(
  place: VaultPlace,
  ports: VaultPorts,
  client: Client,
  signal: AbortSignal,
): Promise<Token> {
  const { login } = place;
  const given = { place, ports, client, signal };
  switch (login.kind) {
    case 'token': {
      // Whoever keeps the token alive, such as Vault Agent, may replace its file at any time.
      const text = await ports.secrets.resolve(login.token);
      return { text, until: Number.NEGATIVE_INFINITY, ends: Number.POSITIVE_INFINITY, fetched: false };
    }
    case 'approle': {
      const body = { role_id: login.roleId, secret_id: await ports.secrets.resolve(login.secretId) };
      return await fetchToken(`auth/${login.mount}/login`, body, given);
    }
    case 'kubernetes': {
      const jwt = await readTokenFile(login.tokenFile, ports);
      ports.learn?.(jwt, serviceAccountLife);
      return await fetchToken(`auth/${login.mount}/login`, { role: login.role, jwt }, given);
    }
    case 'cert': {
      // With the certificate as it lies there now: it is renewed from time to time.
      return await byCertificate(login, await readPair(login, ports), given);
    }
    case 'own-certificate': {
      const { identity } = ports;
      if (identity) return await byCertificate(login, identity(), given);
      throw new Fault(
        ports.refused,
        'There is no certificate of our own here to log in to Vault with; choose another login.',
      );
    }
    default:
      return assertNever(login);
  }
}

/** Over a connection of its own, which shows the certificate. */
async function byCertificate(
  { mount, role }: { readonly mount: string; readonly role: string | null },
  { certificate, key }: { readonly certificate: string; readonly key: string },
  given: LoggingIn,
): Promise<Token> {
  await using own = await connect(given.place, given.ports, { certificate, key });
  return await fetchToken(`auth/${mount}/login`, role === null ? {} : { name: role }, {
    ...given,
    client: own,
  });
}

/** How long the token of a service account may be good for once it was read, in milliseconds: Kubernetes replaces it each hour or day. */
const serviceAccountLife = 24 * 3_600_000;

/** The token of a service account; the platform keeps it readable for the whole group of a pod. */
async function readTokenFile(path: string, { refused }: VaultPorts): Promise<string> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (text !== '' && text.length <= longestTokenFile) return text;
    throw new Error(text === '' ? 'it is empty' : 'it is too long for a token');
  } catch (cause) {
    throw new Fault(refused, `The token of the service account cannot be read: ${errorText(cause)}.`, {
      cause,
    });
  }
}

async function fetchToken(path: string, body: JsonObject, given: LoggingIn): Promise<Token> {
  const { place, ports, client, signal } = given;
  const headers = fixedHeaders(place);
  const answer = await send(client, place, { method: 'POST', path, body, headers, signal, ports });
  if (answer.status !== 200) throw refusal(answer, place, 'the login', ports);
  const read = readBody(answer, place);
  const auth = isJsonObject(read) ? read['auth'] : null;
  const text = isJsonObject(auth) ? auth['client_token'] : null;
  if (!isJsonObject(auth) || typeof text !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(text)) {
    throw notVault(place);
  }
  const seconds = typeof auth['lease_duration'] === 'number' ? auth['lease_duration'] : 0;
  // 0 is a token without an end. A new one is fetched when two thirds are over.
  const life = seconds > 0 ? seconds * 1000 : Number.POSITIVE_INFINITY;
  const now = ports.clock.monotonic();
  ports.learn?.(text, life);
  return { text, until: now + (life * 2) / 3, ends: now + life, fetched: true };
}
