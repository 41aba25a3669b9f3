import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { parseReference } from '../../secrets/reference.ts';

/** How the gateway shows an authorization server who it is. Secrets and keys are references. */
export type ClientAuthentication =
  /** RFC 6749 §2.3.1, in the Authorization header. */
  | { readonly method: 'secret'; readonly id: string; readonly secret: string }
  /** RFC 7523 §2.2: `key` is a private key in PEM. */
  | { readonly method: 'private-key-jwt'; readonly id: string; readonly key: string }
  /** RFC 8705 §2.1, with the gateway's own certificate. */
  | { readonly method: 'tls'; readonly id: string };

/** An authorization server that gives out tokens. */
export interface TokenServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly client: ClientAuthentication;
  /** Path of a PEM file with the only authorities to trust, or null for the system's own. */
  readonly authority: string | null;
  /** Whether it may be at an address that is not public. */
  readonly privateAddresses: boolean;
}

/** What the token is to be good for. */
export interface Wish {
  readonly scopes: readonly string[];
  /** RFC 8707; null leaves it out. */
  readonly resource: string | null;
}

/** How the gateway gets a token for a server behind it. Passing on the token of the caller is not among them. */
export type ServerCredential =
  | ({ readonly kind: 'client-credentials'; readonly server: TokenServer } & Wish)
  | ({ readonly kind: 'exchange'; readonly server: TokenServer; readonly audience: string | null } & Wish)
  | ({ readonly kind: 'id-jag'; readonly provider: TokenServer; readonly server: TokenServer } & Wish);

/**
 * Reads the member `credential` of a definition, which may not be there; `eraUnknown`: whether the gateway finds out what the
 * server speaks. Throws Fault `invalid_input`.
 */
export function readCredentialOf(
  definition: JsonObject,
  eraUnknown: boolean,
): { readonly credential?: ServerCredential } {
  const given = definition['credential'];
  if (given === undefined) return {};
  const credential = readCredential(given);
  const headers = isJsonObject(definition['headers']) ? Object.keys(definition['headers']) : [];
  // Authorization is the header of what is obtained, and of nothing else beside it.
  if (headers.some((name) => name.toLowerCase() === 'authorization')) {
    throw invalid('headers.authorization', 'must not stand beside a credential');
  }
  if (credential.kind !== 'client-credentials' && eraUnknown) {
    throw invalid(
      'era',
      'must be "modern" or "legacy" here: to find it out, the gateway would call for nobody',
    );
  }
  return { credential };
}

function readCredential(json: Json): ServerCredential {
  const read = objectAt('credential', json);
  const { kind } = read;
  const shared = ['kind', 'server', 'scopes', 'resource'];
  switch (kind) {
    case 'client-credentials':
      refuseUnknown('credential', read, shared);
      return Object.freeze({
        kind,
        server: readServer('credential.server', read['server']),
        ...readWish(read),
      });
    case 'exchange':
      refuseUnknown('credential', read, [...shared, 'audience']);
      return Object.freeze({
        kind,
        server: readServer('credential.server', read['server']),
        audience: optionalText('credential.audience', read['audience']),
        ...readWish(read),
      });
    case 'id-jag':
      refuseUnknown('credential', read, [...shared, 'provider']);
      return Object.freeze({
        kind,
        provider: readServer('credential.provider', read['provider']),
        server: readServer('credential.server', read['server']),
        ...readWish(read),
      });
    default:
      throw invalid(
        'credential.kind',
        'must be "client-credentials", "exchange" or "id-jag"; fixed credentials are headers with a secret reference',
      );
  }
}

function readServer(member: string, json: Json | undefined): TokenServer {
  const read = objectAt(member, json);
  refuseUnknown(member, read, ['issuer', 'tokenEndpoint', 'client', 'authority', 'privateAddresses']);
  const privateAddresses = read['privateAddresses'] ?? false;
  if (typeof privateAddresses !== 'boolean')
    throw invalid(`${member}.privateAddresses`, 'must be true or false');
  const authority = optionalText(`${member}.authority`, read['authority']);
  if (authority !== null && !/^(\/|[A-Za-z]:\\)/.test(authority)) {
    throw invalid(`${member}.authority`, 'must be an absolute path');
  }
  return Object.freeze({
    issuer: readHttps(`${member}.issuer`, read['issuer']),
    tokenEndpoint: readHttps(`${member}.tokenEndpoint`, read['tokenEndpoint']),
    client: readClient(`${member}.client`, read['client']),
    authority,
    privateAddresses,
  });
}

function readClient(member: string, json: Json | undefined): ClientAuthentication {
  const read = objectAt(member, json);
  const id = text(`${member}.id`, read['id']);
  switch (read['method']) {
    case 'secret':
      refuseUnknown(member, read, ['method', 'id', 'secret']);
      return Object.freeze({
        method: 'secret',
        id,
        secret: readReference(`${member}.secret`, read['secret']),
      });
    case 'private-key-jwt':
      refuseUnknown(member, read, ['method', 'id', 'key']);
      return Object.freeze({
        method: 'private-key-jwt',
        id,
        key: readReference(`${member}.key`, read['key']),
      });
    case 'tls':
      refuseUnknown(member, read, ['method', 'id']);
      return Object.freeze({ method: 'tls', id });
    default:
      throw invalid(`${member}.method`, 'must be "secret", "private-key-jwt" or "tls"');
  }
}

function readReference(member: string, json: Json | undefined): string {
  const reference = text(member, json);
  // A secret in a definition would be in the registry, in backups and in the hands of every administrator.
  if (parseReference(reference).kind === 'plain')
    throw invalid(member, 'must be a reference: env:NAME or file:/path');
  return reference;
}

function readWish(read: JsonObject): Wish {
  const scopes = read['scopes'] ?? [];
  const wrong = !Array.isArray(scopes) || scopes.length > 64 || !scopes.every(isScope);
  if (wrong) throw invalid('credential.scopes', 'must be a list of at most 64 scopes');
  const { resource = null } = read;
  return {
    scopes: Object.freeze([...scopes]),
    resource: resource === null ? null : readHttps('credential.resource', resource),
  };
}

// RFC 6749 §3.3.
function isScope(value: Json): value is string {
  return typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(value);
}

function readHttps(member: string, json: Json | undefined): string {
  const given = text(member, json);
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw invalid(member, 'must be an https URL without user, password and fragment');
  }
  // As written: an issuer is compared as a string (RFC 8414 §2).
  return given;
}

function optionalText(member: string, json: Json | undefined): string | null {
  return json === undefined || json === null ? null : text(member, json);
}

function text(member: string, json: Json | undefined): string {
  if (typeof json === 'string' && /^[\x20-\x7e]{1,2048}$/.test(json)) return json;
  throw invalid(
    member,
    json === undefined ? 'is missing' : 'must be 1 to 2048 characters of printable ASCII',
  );
}

function objectAt(member: string, json: Json | undefined): JsonObject {
  if (isJsonObject(json)) return json;
  throw invalid(member, json === undefined ? 'is missing' : 'must be an object');
}

function refuseUnknown(where: string, json: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(json).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = suggest(unknown, known);
  throw invalid(
    `${where}.${unknown}`,
    `is not known here${nearest === null ? '' : `; did you mean "${nearest}"?`}`,
  );
}

function invalid(member: string, problem: string): Fault {
  return new Fault('invalid_input', `Server definition: ${member} ${problem}.`);
}
