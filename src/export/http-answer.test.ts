import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import { requireTaken } from './http-answer.ts';

function faultOf(status: number, headers: Record<string, string> = {}): Fault | null {
  try {
    requireTaken({ status, headers, body: new Uint8Array(), json: () => null }, 'siem', 1_000_000);
    return null;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

test('S4 taken is what is answered with 2xx, refused what speaks of the entries, and everything else is tried again', () => {
  for (const status of [200, 202, 204]) assert.equal(faultOf(status), null);
  for (const status of [400, 413, 415, 422]) assert.equal(faultOf(status)?.code, 'export_refused');
  // A redirect is not followed, and a wrong credential or address says nothing about an entry.
  for (const status of [302, 401, 403, 404, 408, 429, 500, 503]) {
    assert.equal(faultOf(status)?.code, 'unavailable');
  }
});

test('S4 Retry-After is obeyed in seconds and as a date, and is nothing when it is neither', () => {
  assert.equal(faultOf(503, { 'retry-after': '7' })?.retryAfterMilliseconds, 7_000);
  const date = new Date(1_005_000).toUTCString();
  assert.equal(faultOf(429, { 'retry-after': date })?.retryAfterMilliseconds, 5_000);
  assert.equal(faultOf(429, { 'retry-after': 'soon' })?.retryAfterMilliseconds, null);
});
