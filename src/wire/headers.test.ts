import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gatherHeaders, noHeaders, saysClose } from './headers.ts';
import { NotHttp } from './not-http.ts';

test('T6 names are found in any case, and repeated ones are one list in their order', () => {
  const headers = gatherHeaders(['Accept', 'a', 'VIA', 'x', 'accept', 'b']);
  assert.equal(headers.get('ACCEPT'), 'a, b');
  assert.equal(headers.get('via'), 'x');
  assert.equal(headers.get('absent'), null);
  assert.deepEqual(
    [...headers.entries()],
    [
      ['accept', 'a, b'],
      ['via', 'x'],
    ],
  );
});

for (const name of [
  'Host',
  'Authorization',
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Transfer-Encoding',
  'Origin',
  'Last-Event-ID',
  'Location',
  'Retry-After',
  'Expect',
  'User-Agent',
  'Referer',
  'From',
  'Cookie',
  'Max-Forwards',
  'Proxy-Authorization',
  'If-Modified-Since',
  'If-Unmodified-Since',
  'Mcp-Session-Id',
  'Mcp-Method',
  'Mcp-Name',
  'MCP-Protocol-Version',
  'Mcp-Param-Anything',
]) {
  test(`T6 ${name} sent twice is refused, the same or not and in any case`, () => {
    assert.throws(() => gatherHeaders([name, 'a', name, 'b']), NotHttp);
    assert.throws(() => gatherHeaders([name.toLowerCase(), 'a', name.toUpperCase(), 'a']), NotHttp);
  });
}

test('T6 a length beside a coding is refused, whichever comes first', () => {
  assert.throws(() => gatherHeaders(['content-length', '1', 'transfer-encoding', 'chunked']), NotHttp);
  assert.throws(() => gatherHeaders(['Transfer-Encoding', 'chunked', 'Content-Length', '1']), NotHttp);
});

test('T6 a name that means something to JavaScript is a name like any other', () => {
  const headers = gatherHeaders(['__proto__', 'a', 'constructor', 'b']);
  assert.equal(headers.get('__proto__'), 'a');
  assert.equal(headers.get('constructor'), 'b');
  assert.equal(headers.get('toString'), null);
  assert.equal(noHeaders.get('hasOwnProperty'), null);
});

test('T6 every value of a list is kept, whatever the values', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (values) => {
      const headers = gatherHeaders(values.flatMap((value) => ['x-list', value]));
      assert.equal(headers.get('x-list'), values.join(', '));
    }),
  );
});

test('T6 a connection ends behind a message that says so in either field, alone or in a list', () => {
  for (const name of ['connection', 'proxy-connection']) {
    for (const value of ['close', 'Close', 'keep-alive, close', 'x,close'])
      assert.equal(saysClose(gatherHeaders([name, value])), true);
    assert.equal(saysClose(gatherHeaders([name, 'keep-alive'])), false);
  }
  assert.equal(saysClose(noHeaders), false);
});
