import { requireAuthority } from '../../bridge/require-peer.ts';
import { createClient } from '../../http/fetch.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { type FaultCode, faultCodes } from '../../kernel/fault-codes.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';

/** An administrator's certificate and the roots to trust, in PEM. */
export interface AdminIdentity {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

const answerLimit = 64 * 1024 * 1024;

/**
 * Runs one operation at an authority over mutual TLS. Throws the fault that the authority answered, or what the
 * client throws when it cannot be reached.
 */
export async function askRemote(
  authority: string,
  identity: AdminIdentity,
  name: string,
  input: Json,
): Promise<Json> {
  return callAuthority(new URL(`/v1/admin/${name}`, authority), identity, input);
}

/** One POST of JSON to the authority over mutual TLS; its answer, or the fault that it answered. */
export async function callAuthority(url: URL, identity: AdminIdentity | Trust, input: Json): Promise<Json> {
  await using client = createClient({
    tls: { ...identity, inspect: requireAuthority(null) },
    addressGuard: 'any',
    limits: { bodyBytes: answerLimit },
  });
  const { status, body } = await client.request({
    method: 'POST',
    url: url.href,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  const value = parseJson(body, { depth: 64, values: 5_000_000 });
  if (status === 200) return value;
  throw remoteFault(status, value);
}

/** The roots to trust by a caller that has no certificate yet, in PEM. */
export interface Trust {
  readonly authorities: string;
}

function remoteFault(status: number, value: Json): Fault {
  if (isJsonObject(value) && typeof value['code'] === 'string' && value['code'] in faultCodes) {
    const detail = value['detail'] ?? value['title'];
    return new Fault(value['code'] as FaultCode, typeof detail === 'string' ? detail : '');
  }
  return new Fault('unavailable', `The authority answered HTTP ${status} without saying why.`);
}
