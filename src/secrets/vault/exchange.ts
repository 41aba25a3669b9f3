import { type Client, createClient, type WholeResponse } from '../../http/fetch.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { readPrivateFile, readTextFile } from '../../kernel/durable-file.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { VaultPlace, VaultPorts } from './vault-place.ts';

/** A request to Vault, below /v1/. */
export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: JsonObject | null;
}

/** The fault code that a place is asked with. */
type Refusing = Pick<VaultPorts, 'refused'>;

/** Throws Fault of the code `refused` when a file cannot be used, and `file_mode`. */
export async function connect(
  place: VaultPlace,
  ports: VaultPorts,
  shown: { readonly certificate: string; readonly key: string } | null,
): Promise<Client> {
  const { authorities } = place;
  const { attemptMilliseconds } = ports.limits;
  return createClient({
    tls: {
      ...(authorities !== null && { authorities: await usable(readTextFile(authorities), ports) }),
      ...shown,
    },
    addressGuard: ports.addresses,
    limits: {
      connectMilliseconds: attemptMilliseconds,
      headMilliseconds: attemptMilliseconds,
      totalMilliseconds: attemptMilliseconds,
      bodyBytes: 1024 * 1024,
    },
  });
}

/** A certificate and its key, each in a file of PEM. Throws as `connect` does. */
export async function readPair(
  files: { readonly certificate: string; readonly key: string },
  ports: Refusing,
): Promise<{ certificate: string; key: string }> {
  const key = readPrivateFile(files.key).then((octets) => Buffer.from(octets).toString('utf8'));
  return {
    certificate: await usable(readTextFile(files.certificate), ports),
    key: await usable(key, ports),
  };
}

async function usable(reading: Promise<string>, { refused }: Refusing): Promise<string> {
  try {
    return await reading;
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'file_mode') throw cause;
    throw new Fault(refused, `A file for the connection to Vault cannot be used: ${errorText(cause)}`, {
      cause,
    });
  }
}

export function fixedHeaders({ namespace }: VaultPlace): Record<string, string> {
  // Vault's own clients send it, so that a page in a browser cannot be made to ask an agent of Vault.
  return { 'x-vault-request': 'true', ...(namespace !== null && { 'x-vault-namespace': namespace }) };
}

/** Throws Fault `unavailable` for what may pass, else of the code `refused`. */
export async function send(
  client: Client,
  place: VaultPlace,
  request: Asked & {
    readonly headers: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly ports: Refusing;
  },
): Promise<WholeResponse> {
  const { method, path, body, headers, signal } = request;
  try {
    return await client.request({
      method,
      url: `${place.address}/v1/${path}`,
      headers: { ...headers, ...(body !== null && { 'content-type': 'application/json' }) },
      ...(body !== null && { body: JSON.stringify(body) }),
      signal,
    });
  } catch (cause) {
    throw connectionFault(cause, place, request.ports);
  }
}

function connectionFault(cause: unknown, { address, authorities }: VaultPlace, { refused }: Refusing): Fault {
  if (cause instanceof Fault && cause.code === 'gateway_untrusted') {
    const where = authorities === null ? 'the authorities of this system' : authorities;
    const detail = `Vault is not trusted: ${cause.message} Looked for in ${where}; the setting ca names others.`;
    return new Fault(refused, detail, { cause });
  }
  if (cause instanceof Fault && cause.code === 'identity_refused') {
    return new Fault(refused, `Vault refused the connection: ${cause.message}`, { cause });
  }
  if (cause instanceof Fault && cause.code !== 'unavailable' && cause.code !== 'timed_out') return cause;
  return new Fault('unavailable', `Vault at ${address} cannot be reached: ${errorText(cause)}`, { cause });
}

/** The JSON of an answer; null of one without a body. Throws Fault `unavailable`. */
export function readBody(answer: WholeResponse, place: VaultPlace): Json {
  if (answer.body.length === 0) return null;
  try {
    return answer.json();
  } catch (cause) {
    throw notVault(place, cause);
  }
}

export function notVault({ address }: VaultPlace, cause?: unknown): Fault {
  return new Fault('unavailable', `What answers at ${address} is not Vault.`, { cause });
}

/** What Vault says: https://openbao.org/api-docs/#http-status-codes. */
export function refusal(
  answer: WholeResponse,
  { address }: VaultPlace,
  what: string,
  { refused }: Refusing,
): Fault {
  const said = errorsOf(answer);
  if (answer.status === 403) {
    return new Fault(
      refused,
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
  return new Fault(refused, `Vault at ${address} refuses ${what} with ${answer.status}${said}.`);
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
