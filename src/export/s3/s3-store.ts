import { createHash } from 'node:crypto';
import type { Client, WholeResponse } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { type AwsCredentials, signRequest } from '../../secrets/aws/sign-request.ts';

export interface S3Place {
  /** For people. */
  readonly called: string;
  readonly bucket: string;
  readonly region: string;
  /** The origin of a store other than AWS's own, whose buckets are paths; null for AWS. */
  readonly endpoint: string | null;
  readonly credentials: () => Promise<AwsCredentials>;
}

/** What a stored object cannot be deleted or replaced before. */
export interface S3Lock {
  readonly mode: 'governance' | 'compliance';
  readonly days: number;
}

/** A bucket of S3 or of a store that speaks like it. */
export interface S3Store {
  /**
   * Stores an object that is not there yet; one that is there is left as it is. Throws Fault `unavailable` when the store
   * refuses, or does not answer.
   */
  put(
    key: string,
    content: Uint8Array,
    options: { readonly lock: S3Lock | null; readonly signal: AbortSignal },
  ): Promise<void>;
  /** The SHA-256 of a stored object, base64, by its own checksum or by its content; null when it is not there. */
  hashOf(key: string, signal: AbortSignal): Promise<string | null>;
  /** The keys that begin so, in order. Throws the faults of `put`. */
  list(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The content of an object. Throws the faults of `put`. */
  get(key: string, signal: AbortSignal): Promise<Uint8Array>;
  [Symbol.asyncDispose](): Promise<void>;
}

const day = 24 * 3_600_000;

export function createS3Store(place: S3Place, client: Client, clock: Clock): S3Store {
  const { called, region } = place;
  const none = new Uint8Array();
  const ask = async (
    method: 'PUT' | 'HEAD' | 'GET',
    key: string,
    { headers, body, signal, query = new URLSearchParams() }: Asked,
  ): Promise<WholeResponse> => {
    const url = urlOf(place, key);
    url.search = canonicalQuery(query);
    const all = { ...headers, 'x-amz-content-sha256': hash(body, 'hex') };
    const scope = { region, service: 's3', now: clock.now() };
    const credentials = await place.credentials();
    const { host: _, ...signed } = signRequest({ method, url, headers: all, body }, scope, credentials);
    return await client.request({
      method,
      url: url.href,
      headers: signed,
      signal,
      ...(method === 'PUT' && { body }),
    });
  };
  return {
    async put(key, content, { lock, signal }) {
      const headers = {
        'content-type': 'application/octet-stream',
        'if-none-match': '*',
        'x-amz-sdk-checksum-algorithm': 'SHA256',
        'x-amz-checksum-sha256': hash(content, 'base64'),
        ...(lock && lockHeaders(lock, clock)),
      };
      const { status, body } = await ask('PUT', key, { headers, body: content, signal });
      // RFC 9110 §13.1.2: it is there already.
      if (status !== 200 && status !== 412) throw refusal(called, status, body);
    },
    async hashOf(key, signal) {
      const head = await ask('HEAD', key, {
        headers: { 'x-amz-checksum-mode': 'ENABLED' },
        body: none,
        signal,
      });
      if (head.status === 404) return null;
      if (head.status !== 200) throw refusal(called, head.status, head.body);
      const stated = head.headers['x-amz-checksum-sha256'];
      if (stated !== undefined) return stated;
      const whole = await ask('GET', key, { headers: {}, body: none, signal });
      if (whole.status !== 200) throw refusal(called, whole.status, whole.body);
      return hash(whole.body, 'base64');
    },
    async list(prefix, signal) {
      const keys: string[] = [];
      for (let token: string | null = ''; token !== null; ) {
        const next: Record<string, string> = token === '' ? {} : { 'continuation-token': token };
        const query = new URLSearchParams({ 'list-type': '2', prefix, ...next });
        const { status, body } = await ask('GET', '', { headers: {}, body: none, signal, query });
        if (status !== 200) throw refusal(called, status, body);
        const text = Buffer.from(body).toString('utf8');
        keys.push(...[...text.matchAll(/<Key>([^<]{1,1024})<\/Key>/g)].map(([, key = '']) => key));
        token = /<NextContinuationToken>([^<]{1,2048})<\/NextContinuationToken>/.exec(text)?.[1] ?? null;
      }
      return keys;
    },
    async get(key, signal) {
      const { status, body } = await ask('GET', key, { headers: {}, body: none, signal });
      if (status !== 200) throw refusal(called, status, body);
      return body;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

interface Asked {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
  readonly query?: URLSearchParams;
}

/** As it is signed: a space is %20 and not a plus. */
function canonicalQuery(query: URLSearchParams): string {
  return [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
}

/** Keys are of letters, digits and `-._~/` once they are encoded, so that what is signed is what is sent. */
function urlOf({ endpoint, bucket, region }: S3Place, key: string): URL {
  const path = key.split('/').map(encode).join('/');
  if (endpoint !== null) return new URL(`${endpoint}/${encode(bucket)}/${path}`);
  const suffix = region.startsWith('cn-') ? '.cn' : '';
  return new URL(`https://${bucket}.s3.${region}.amazonaws.com${suffix}/${path}`);
}

/** RFC 3986: what is not unreserved. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function lockHeaders({ mode, days }: S3Lock, clock: Clock): Record<string, string> {
  return {
    'x-amz-object-lock-mode': mode.toUpperCase(),
    'x-amz-object-lock-retain-until-date': new Date(clock.now() + days * day).toISOString(),
  };
}

function hash(content: Uint8Array, encoding: 'hex' | 'base64'): string {
  return createHash('sha256').update(content).digest(encoding);
}

/** The code of the error is a word of the store; the rest of what it says stays out of our logs. */
function refusal(called: string, status: number, body: Uint8Array): Fault {
  const code = /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(
    Buffer.from(body.subarray(0, 4_096)).toString('latin1'),
  )?.[1];
  return new Fault('unavailable', `${called} answers ${status}${code === undefined ? '' : ` ${code}`}.`);
}
