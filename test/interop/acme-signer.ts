import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Agent, fetch } from 'undici';
import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import { isJsonObject } from '../../src/kernel/canonical-json.ts';
import { buildRequest } from '../../src/x509/request.ts';
import type { AcmeTown } from './acme-town.ts';

/** What came back. */
export interface Heard {
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
  readonly text: string;
  /** The last part of the problem's type, or null. */
  readonly problem: string | null;
}

type Headers = Awaited<ReturnType<typeof fetch>>['headers'];

/** How a request departs from a proper one. */
export interface Departure {
  readonly key?: KeyObject;
  /** Null for `jwk`. */
  readonly kid?: string | null;
  readonly nonce?: string;
  readonly url?: string;
  readonly header?: JsonObject;
  readonly contentType?: string;
  /** Changes the JWS before it is sent. */
  readonly change?: (jws: Record<string, string>) => unknown;
}

/** A client that signs what it is told to, for what no proper client would send. */
export interface Signer extends AsyncDisposable {
  readonly key: KeyObject;
  readonly account: string | null;
  nonce(): Promise<string>;
  get(path: string, method?: string): Promise<Heard>;
  /** `payload` null is POST-as-GET. `path` is below `/acme/`, or a whole URL. */
  post(path: string, payload: Json | null, departure?: Departure): Promise<Heard>;
  /** Opens an account for an external account key. */
  open(external: { readonly kid: string; readonly hmacKey: string }): Promise<Heard>;
  /** Makes an order, proves its names over http-01, and gives its URL. */
  ready(...names: readonly string[]): Promise<string>;
  /** Finalizes a ready order with a fresh key. */
  finish(order: string, names: Parameters<typeof csrFor>[0]): Promise<Heard>;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The public members in the order of RFC 7638 §3.3. */
export function jwkOf(key: KeyObject): JsonObject {
  const { kty = '', crv = '', x = '', y = '', e = '', n = '' } = key.export({ format: 'jwk' });
  return kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y };
}

/** A request in base64url, as finalize takes it. */
export function csrFor(
  names: {
    readonly dnsNames?: readonly string[];
    readonly ipAddresses?: readonly string[];
    readonly uris?: readonly string[];
  },
  { key = freshKey(), commonName = names.dnsNames?.[0] ?? 'files' } = {},
): string {
  return Buffer.from(buildRequest(key, { commonName }, names)).toString('base64url');
}

export function freshKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** One with a P-256 or RSA key, a fresh one unless given. */
export function openSigner(at: AcmeTown, key = freshKey()): Signer {
  const dispatcher = new Agent({ connect: { ca: at.roots } });
  const base = at.directory.replace(/directory$/, '');
  let account: string | null = null;

  const get = async (path: string, method = 'GET'): Promise<Heard> =>
    heard(await fetch(new URL(path, base), { method, dispatcher }));
  const nonce = async (): Promise<string> =>
    (await get('new-nonce', 'HEAD')).headers.get('replay-nonce') ?? '';
  const post: Signer['post'] = async (path, payload, departure = {}) => {
    const url = new URL(path, base).href;
    const signer = departure.key ?? key;
    const kid = departure.kid === undefined ? account : departure.kid;
    const head = encode({
      alg: signer.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256',
      nonce: departure.nonce ?? (await nonce()),
      url: departure.url ?? url,
      ...(kid === null ? { jwk: jwkOf(signer) } : { kid }),
      ...departure.header,
    });
    const jws = signed(head, payload === null ? '' : encode(payload), signer);
    return heard(
      await fetch(url, {
        method: 'POST',
        headers: { 'content-type': departure.contentType ?? 'application/jose+json' },
        body: JSON.stringify(departure.change?.(jws) ?? jws),
        dispatcher,
      }),
    );
  };
  const self: Signer = {
    key,
    get account() {
      return account;
    },
    nonce,
    get,
    post,
    async open({ kid, hmacKey }) {
      const answer = await post(
        'new-account',
        { externalAccountBinding: bindingFor(`${base}new-account`, { kid, hmacKey, jwk: jwkOf(key) }) },
        { kid: null },
      );
      account = answer.headers.get('location');
      return answer;
    },
    async ready(...names) {
      const identifiers = names.map((value) => ({ type: 'dns', value }));
      const order = await post('new-order', { identifiers });
      for (const url of order.body['authorizations'] as string[]) {
        const authorization = await post(url, null);
        const challenges = authorization.body['challenges'] as JsonObject[];
        const chosen = challenges.find(({ type }) => type === 'http-01') ?? {};
        const { token, url: place } = chosen as { token: string; url: string };
        at.pages.set(`/.well-known/acme-challenge/${token}`, `${token}.${thumbprintOf(key)}\n`);
        await post(place, {});
        while ((await post(url, null)).body['status'] === 'pending') {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      return order.headers.get('location') ?? '';
    },
    finish: (order, names) => post(`${order}/finalize`, { csr: csrFor(names) }),
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
  return self;
}

/** An external account binding (RFC 8555 §7.3.4), changed as told. */
export function bindingFor(
  url: string,
  { kid, hmacKey, jwk }: { readonly kid: string; readonly hmacKey: string; readonly jwk: JsonObject },
  header: JsonObject = {},
): JsonObject {
  const head = encode({ alg: 'HS256', kid, url, ...header });
  const payload = encode(jwk);
  const mac = createHmac('sha256', Buffer.from(hmacKey, 'base64url')).update(`${head}.${payload}`);
  return { protected: head, payload, signature: mac.digest('base64url') };
}

/** A flattened JWS under ES256 or RS256. */
export function signed(head: string, payload: string, key: KeyObject): Record<string, string> {
  const signature = sign('sha256', Buffer.from(`${head}.${payload}`), { key, dsaEncoding: 'ieee-p1363' });
  return { protected: head, payload, signature: signature.toString('base64url') };
}

/** RFC 7638. */
export function thumbprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(JSON.stringify(jwkOf(key)))
    .digest('base64url');
}

async function heard(response: Awaited<ReturnType<typeof fetch>>): Promise<Heard> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const value: unknown = type.includes('json') && text !== '' ? JSON.parse(text) : {};
  const body = isJsonObject(value) ? value : {};
  const named = typeof body['type'] === 'string' ? body['type'] : '';
  const prefix = 'urn:ietf:params:acme:error:';
  return {
    status: response.status,
    headers: response.headers,
    body,
    text,
    problem: named.startsWith(prefix) ? named.slice(prefix.length) : null,
  };
}
