import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requestBodyLength, responseBodyLength } from './body-length.ts';
import { gatherHeaders, type Headers } from './headers.ts';
import { NotHttp } from './not-http.ts';

function headers(...fields: readonly string[]): Headers {
  return gatherHeaders(fields);
}

test('T6 a request that states no length has no body', () => {
  assert.equal(requestBodyLength(headers('host', 'a')), 0);
});

test('T6 a length is what its digits say, whatever zeros come before, and nothing else is a length', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 4 }), (length, zeros) => {
      assert.equal(requestBodyLength(headers('content-length', '0'.repeat(zeros) + length)), length);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^\d{1,15}$/.test(text));
      assert.throws(() => requestBodyLength(headers('content-length', text)), NotHttp);
    }),
  );
});

test('T6 the only coding is chunked, in any case', () => {
  for (const coding of ['chunked', 'Chunked', 'CHUNKED'])
    assert.equal(requestBodyLength(headers('transfer-encoding', coding)), 'chunked');
  for (const coding of ['', 'identity', 'gzip, chunked', 'chunked, chunked', 'chunked;a', 'chunked,'])
    assert.throws(() => requestBodyLength(headers('transfer-encoding', coding)), NotHttp, coding);
});

test('T6 an answer ends with its length, its chunks or its connection', () => {
  assert.equal(responseBodyLength(200, headers('content-length', '3'), false), 3);
  assert.equal(responseBodyLength(200, headers('transfer-encoding', 'chunked'), false), 'chunked');
  assert.equal(responseBodyLength(200, headers(), false), 'until-close');
});

test('T6 an answer to HEAD, an interim one, 204 and 304 have no body, whatever they state', () => {
  const stated = headers('content-length', '5');
  assert.equal(responseBodyLength(200, stated, true), 0);
  for (const status of [100, 103, 199, 204, 304]) {
    assert.equal(responseBodyLength(status, stated, false), 0, String(status));
    assert.throws(() => responseBodyLength(status, headers('content-length', 'x'), false), NotHttp);
  }
});
