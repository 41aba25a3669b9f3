import { type Client, createClient, type WholeResponse } from '../../http/fetch.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { assertNever } from '../../kernel/assert-never.ts';
import { readPrivateFile, readTextFile } from '../../kernel/durable-file.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { HolderContext } from '../held-key.ts';
import type { VaultReference } from './reference.ts';

/** Speaks to one Vault with a token that is fetched, renewed and replaced as needed. */
export interface VaultSession extends AsyncDisposable {
  /**
   * One request below /v1/, with the token; after a 403 once more with a new one. Null is a 404. Throws Fault
   * `unavailable` for whatever may pass, and `key_refused` for what will not.
   */
  ask(
    method: 'GET' | 'POST',
    path: string,
    body: JsonObject | null,
    signal: AbortSignal,
  ): Promise<Json | null>;
}

interface Token {
  readonly text: string;
  /** On the monotonic clock: what is asked after that is asked with a new one. */
  readonly until: number;
}

/** Throws Fault `key_refused` when the files named in the reference cannot be read. */
export async function openVaultSession(
  reference: VaultReference,
  context: HolderContext,
): Promise<VaultSession> {
  const client = await connect(reference, context, false);
  let token: Promise<Token> | null = null;

  /** For the next request a new one is fetched, unless somebody has done so already. */
  const drop = (used: Promise<Token>): void => {
    if (token === used) token = null;
  };
  const attempt = async (request: Asked, signal: AbortSignal): Promise<WholeResponse> => {
    const used = (token ??= logIn(reference, context, client, signal));
    try {
      const { text, until } = await used;
      if (context.clock.monotonic() >= until) drop(used);
      const headers = { 'x-vault-token': text, ...fixedHeaders(reference) };
      const answer = await send(client, reference, { ...request, headers, signal });
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
      if (answer.status >= 200 && answer.status < 300) return readBody(answer, reference);
      throw refusal(answer, reference, `${method} ${path}`);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

interface Asked {
  readonly method: 'GET' | 'POST';
  /** Below /v1/. */
  readonly path: string;
  readonly body: JsonObject | null;
}

async function connect(
  reference: VaultReference,
  context: HolderContext,
  withCertificate: boolean,
): Promise<Client> {
  const { authorities, login } = reference;
  return createClient({
    tls: {
      ...(authorities !== null && { authorities: await file(readTextFile(authorities)) }),
      ...(withCertificate &&
        login.kind === 'cert' && {
          certificate: await file(readTextFile(login.certificate)),
          key: await file(readPrivateFile(login.key).then((octets) => Buffer.from(octets).toString('utf8'))),
        }),
    },
    addressGuard: 'any',
    limits: {
      connectMilliseconds: context.limits.attemptMilliseconds,
      headMilliseconds: context.limits.attemptMilliseconds,
      totalMilliseconds: context.limits.attemptMilliseconds,
      bodyBytes: 1024 * 1024,
    },
  });
}

async function file(reading: Promise<string>): Promise<string> {
  try {
    return await reading;
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'file_mode') throw cause;
    throw new Fault('key_refused', `A file for the connection to Vault cannot be used: ${errorText(cause)}`, {
      cause,
    });
  }
}

function fixedHeaders({ namespace }: VaultReference): Record<string, string> {
  // Vault's own clients send it, so that a page in a browser cannot be made to ask an agent of Vault.
  return { 'x-vault-request': 'true', ...(namespace !== null && { 'x-vault-namespace': namespace }) };
}

async function logIn(
  reference: VaultReference,
  context: HolderContext,
  client: Client,
  signal: AbortSignal,
): Promise<Token> {
  const { login } = reference;
  switch (login.kind) {
    case 'token':
      // Whoever keeps the token alive, such as Vault Agent, may replace its file at any time.
      return { text: await context.secrets.resolve(login.token), until: Number.NEGATIVE_INFINITY };
    case 'approle': {
      const body = { role_id: login.roleId, secret_id: await context.secrets.resolve(login.secretId) };
      return await fetchToken(`auth/${login.mount}/login`, body, { reference, context, client, signal });
    }
    case 'cert': {
      // A connection of its own, with the certificate as it lies there now: it is renewed from time to time.
      await using own = await connect(reference, context, true);
      const body = login.role === null ? {} : { name: login.role };
      return await fetchToken(`auth/${login.mount}/login`, body, { reference, context, client: own, signal });
    }
    default:
      return assertNever(login);
  }
}

async function fetchToken(
  path: string,
  body: JsonObject,
  given: {
    readonly reference: VaultReference;
    readonly context: HolderContext;
    readonly client: Client;
    readonly signal: AbortSignal;
  },
): Promise<Token> {
  const { reference, context, client, signal } = given;
  const headers = fixedHeaders(reference);
  const answer = await send(client, reference, { method: 'POST', path, body, headers, signal });
  if (answer.status !== 200) throw refusal(answer, reference, 'the login');
  const read = readBody(answer, reference);
  const auth = isJsonObject(read) ? read['auth'] : null;
  if (!isJsonObject(auth) || typeof auth['client_token'] !== 'string') throw notVault(reference);
  const seconds = typeof auth['lease_duration'] === 'number' ? auth['lease_duration'] : 0;
  // 0 is a token without an end. A new one is fetched when two thirds are over.
  const life = seconds > 0 ? (seconds * 1000 * 2) / 3 : Number.POSITIVE_INFINITY;
  return { text: auth['client_token'], until: context.clock.monotonic() + life };
}

async function send(
  client: Client,
  reference: VaultReference,
  request: Asked & { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<WholeResponse> {
  const { method, path, body, headers, signal } = request;
  try {
    return await client.request({
      method,
      url: `${reference.address}/v1/${path}`,
      headers: { ...headers, ...(body !== null && { 'content-type': 'application/json' }) },
      ...(body !== null && { body: JSON.stringify(body) }),
      signal,
    });
  } catch (cause) {
    throw connectionFault(cause, reference);
  }
}

function connectionFault(cause: unknown, { address, authorities }: VaultReference): Fault {
  if (cause instanceof Fault && cause.code === 'gateway_untrusted') {
    const where = authorities === null ? 'the authorities of this system; give ?ca=/path' : authorities;
    return new Fault('key_refused', `Vault is not trusted: ${cause.message} Looked for in ${where}.`, {
      cause,
    });
  }
  if (cause instanceof Fault && cause.code === 'identity_refused') {
    return new Fault('key_refused', `Vault refused the connection: ${cause.message}`, { cause });
  }
  if (cause instanceof Fault && cause.code !== 'unavailable' && cause.code !== 'timed_out') return cause;
  return new Fault('unavailable', `Vault at ${address} cannot be reached: ${errorText(cause)}`, { cause });
}

function readBody(answer: WholeResponse, reference: VaultReference): Json {
  if (answer.body.length === 0) return null;
  try {
    return answer.json();
  } catch (cause) {
    throw notVault(reference, cause);
  }
}

function notVault({ address }: VaultReference, cause?: unknown): Fault {
  return new Fault('unavailable', `What answers at ${address} is not Vault.`, { cause });
}

/** What Vault says: https://openbao.org/api-docs/#http-status-codes. */
function refusal(answer: WholeResponse, reference: VaultReference, what: string): Fault {
  const said = errorsOf(answer);
  const { address } = reference;
  if (answer.status === 403) {
    return new Fault(
      'key_refused',
      `Vault at ${address} does not permit ${what}${said}. Look at the policy of the token, and whether it still lives.`,
    );
  }
  if (answer.status === 503 || answer.status === 473 || answer.status === 472) {
    return new Fault('unavailable', `Vault at ${address} is sealed or a standby${said}.`);
  }
  // A version that is disallowed is answered with 500.
  if (answer.status === 429 || (answer.status >= 500 && !/minimum (en|de)cryption key version/.test(said))) {
    return new Fault('unavailable', `Vault at ${address} answers ${answer.status}${said}.`);
  }
  return new Fault('key_refused', `Vault at ${address} refuses ${what} with ${answer.status}${said}.`);
}

function errorsOf(answer: WholeResponse): string {
  try {
    const body = answer.json();
    const errors = isJsonObject(body) && Array.isArray(body['errors']) ? body['errors'] : [];
    const texts = errors.filter((text: Json) => typeof text === 'string' && text !== '');
    if (texts.length === 0) return '';
    return `: ${texts.join('; ').replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '').slice(0, 300)}`;
  } catch {
    return '';
  }
}
