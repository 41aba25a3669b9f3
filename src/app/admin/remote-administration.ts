import { request } from 'node:https';
import type { Json } from '../../kernel/canonical-json.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
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
const patience = 30_000;

/**
 * Runs one operation at an authority over mutual TLS. Throws the fault that the authority answered, or `unavailable`
 * when it cannot be reached.
 */
export async function askRemote(authority: string, identity: AdminIdentity, name: string, input: Json): Promise<Json> {
  return await callAuthority(new URL(`/v1/admin/${name}`, authority), identity, input);
}

/** One POST of JSON to the authority over mutual TLS; its answer, or the fault that it answered. */
export async function callAuthority(url: URL, identity: AdminIdentity, input: Json): Promise<Json> {
  const { status, body } = await post(url, identity, JSON.stringify(input));
  const value = parseJson(body, { depth: 64, values: 5_000_000 });
  if (status === 200) return value;
  throw remoteFault(status, value);
}

function post(url: URL, identity: AdminIdentity, body: string): Promise<{ status: number; body: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: Error): void => {
      reject(new Fault('unavailable', `The authority at ${url.origin} cannot be reached: ${cause.message}.`, { cause }));
    };
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const { certificate: cert, key, authorities: ca } = identity;
    const sent = request(url, { method: 'POST', headers, agent: false, cert, key, ca, minVersion: 'TLSv1.3' });
    sent.setTimeout(patience, () => sent.destroy(new Error(`no answer in ${patience / 1_000} s`)));
    sent.once('error', unreachable);
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > answerLimit) sent.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.once('error', unreachable);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    });
    sent.end(body);
  });
}

function remoteFault(status: number, value: Json): Fault {
  if (isJsonObject(value) && typeof value['code'] === 'string' && value['code'] in faultCodes) {
    return new Fault(value['code'] as FaultCode, String(value['detail'] ?? value['title'] ?? ''));
  }
  return new Fault('unavailable', `The authority answered HTTP ${status} without saying why.`);
}
