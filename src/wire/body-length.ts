import type { Headers } from './headers.ts';
import { NotHttp } from './not-http.ts';

/** How a receiver finds the end of a body (RFC 9112 §6.3): after so many octets, by its chunks, or with the connection. */
export type BodyLength = number | 'chunked' | 'until-close';

/** Throws NotHttp when the length is not stated in exactly one way. */
export function requestBodyLength(headers: Headers): Exclude<BodyLength, 'until-close'> {
  return statedLength(headers) ?? 0;
}

/** `bodyless` is true for the answer to HEAD. Throws NotHttp. */
export function responseBodyLength(status: number, headers: Headers, bodyless: boolean): BodyLength {
  const stated = statedLength(headers);
  if (bodyless || status < 200 || status === 204 || status === 304) return 0;
  return stated ?? 'until-close';
}

function statedLength(headers: Headers): number | 'chunked' | null {
  const coding = headers.get('transfer-encoding');
  if (coding !== null) {
    // Any other coding, or a list of them, is where readers differ on the end of a message.
    if (coding.toLowerCase() !== 'chunked') throw new NotHttp('a Transfer-Encoding other than chunked');
    return 'chunked';
  }
  const length = headers.get('content-length');
  if (length === null) return null;
  if (!/^\d{1,15}$/.test(length)) throw new NotHttp('the Content-Length is not a number of octets');
  return Number(length);
}
