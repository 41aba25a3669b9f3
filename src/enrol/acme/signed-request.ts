import type { Exchange } from '../../http/exchange.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type AccountKey, readAccountKey } from './account-key.ts';
import type { AcmeAccountRecord, AcmeAccountRecords } from './acme-records.ts';
import { readJws, type UnverifiedJws, verifyJws } from './jws.ts';
import type { Nonces } from './nonces.ts';

/** A request whose signature, URL and nonce held (RFC 8555 §6). */
export interface SignedRequest {
  readonly url: string;
  readonly key: AccountKey;
  /** The account that signed, or null when the request brought its key along. */
  readonly account: AcmeAccountRecord | null;
  /** Null for POST-as-GET (RFC 8555 §6.3). */
  readonly payload: Json | null;
}

const bodyLimit = { bytes: 128 * 1024, milliseconds: 10_000 };
const jsonLimits = { depth: 12, values: 2_000 };

/**
 * Reads a signed request. The nonce is used up last, when everything else holds. Throws Fault `media_type`,
 * `too_large`, `invalid_input`, `algorithm_refused`, `key_unacceptable`, `account_unknown`, `account_refused`,
 * `signature_invalid`, `nonce_refused`, ….
 */
export async function readSignedRequest(
  exchange: Exchange,
  url: string,
  door: {
    readonly accounts: Pick<AcmeAccountRecords, 'find'>;
    readonly nonces: Nonces;
    /** Where accounts are; a `kid` is one of these. */
    readonly accountUrl: (id: string) => string;
    /** Who may sign: an account by its URL, a key that comes along, or either. */
    readonly signer: 'account' | 'key' | 'either';
  },
): Promise<SignedRequest> {
  // RFC 8555 §6.2.
  if (!/^application\/jose\+json\s*(;|$)/i.test(exchange.headers.get('content-type') ?? '')) {
    throw new Fault('media_type', 'Send the request as application/jose+json.');
  }
  const jws = readJws(parseJson(await exchange.body(bodyLimit), jsonLimits));
  const { account, key } = await signerOf(jws, door);
  verifyJws(jws, key);
  // RFC 8555 §6.4: signed for this very URL.
  if (jws.header['url'] !== url) {
    throw new Fault('account_refused', 'The request was signed for another URL than the one it was sent to.');
  }
  const { nonce } = jws.header;
  if (typeof nonce !== 'string') throw new Fault('nonce_refused', 'The request has no nonce.');
  await door.nonces.use(nonce);
  const payload = jws.payload.length === 0 ? null : parseJson(jws.payload, jsonLimits);
  return { url, account, key, payload };
}

async function signerOf(
  { header }: UnverifiedJws,
  door: Parameters<typeof readSignedRequest>[2],
): Promise<Pick<SignedRequest, 'account' | 'key'>> {
  const { jwk, kid } = header;
  if ((jwk === undefined) === (kid === undefined)) {
    throw new Fault('invalid_input', 'The request must name either jwk or kid.');
  }
  if (jwk !== undefined) {
    if (door.signer === 'account') {
      throw new Fault('invalid_input', 'This request is signed by an account: name it with kid.');
    }
    return { account: null, key: readAccountKey(jwk) };
  }
  if (door.signer === 'key') throw new Fault('invalid_input', 'This request brings its key along, as jwk.');
  const id = typeof kid === 'string' ? kid.slice(kid.lastIndexOf('/') + 1) : '';
  const account = kid === door.accountUrl(id) ? await door.accounts.find(id) : null;
  if (!account) throw new Fault('account_unknown', 'The kid of the request is no account of this authority.');
  if (account.status !== 'valid') {
    throw new Fault(
      'account_refused',
      `The account is ${account.status}. Ask for a new external account key.`,
    );
  }
  return { account, key: readAccountKey(parseJson(account.jwk)) };
}

/** The account of a request that only accounts can sign. */
export function accountOf({ account }: SignedRequest): AcmeAccountRecord {
  if (!account) throw new Fault('account_refused', 'This needs an account.');
  return account;
}

/** The payload as an object. Throws Fault `invalid_input`. */
export function objectOf({ payload }: SignedRequest): JsonObject {
  if (isJsonObject(payload)) return payload;
  throw new Fault('invalid_input', 'The payload of this request must be a JSON object.');
}
