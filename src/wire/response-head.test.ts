import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NotHttp } from './not-http.ts';
import { parseResponseHead } from './response-head.ts';

test('T6 a head is read as its version, its status and its fields in order', () => {
  const head = parseResponseHead('HTTP/1.1 200 OK\r\nX: y\r\nx: z\r\n\r\n');
  assert.deepEqual(head, { version: '1.1', status: 200, fields: ['X', 'y', 'x', 'z'] });
  assert.equal(parseResponseHead('HTTP/1.0 404 Not Found\r\n\r\n').version, '1.0');
});

for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 200 Très bien', 'HTTP/1.1 200 a b\tc']) {
  test(`T6 the first line ${JSON.stringify(line)} is a status`, () => {
    assert.equal(parseResponseHead(`${line}\r\n\r\n`).status, 200);
  });
}

for (const line of [
  '',
  'HTTP/1.1',
  'HTTP/1.1 20',
  'HTTP/1.1 2000',
  'HTTP/1.1 099',
  'HTTP/1.1 600',
  'HTTP/1.1 -20',
  'HTTP/1.1  200',
  'HTTP/1.1\t200',
  'HTTP/1.1 200\tOK',
  'HTTP/2.0 200',
  'HTTP/0.9 200',
  'http/1.1 200',
  ' HTTP/1.1 200',
  'ICY 200 OK',
  'HTTP/1.1 2e1',
  'HTTP/1.1 200 \0',
]) {
  test(`T6 the first line ${JSON.stringify(line)} is refused`, () => {
    assert.throws(() => parseResponseHead(`${line}\r\nx: y\r\n\r\n`), NotHttp);
  });
}

test('T6 no head, however damaged, is anything but read or refused', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';
  fc.assert(
    fc.property(fc.nat({ max: head.length - 5 }), fc.string({ unit: 'binary', maxLength: 3 }), (at, put) => {
      try {
        const { status, fields } = parseResponseHead(head.slice(0, at) + put + head.slice(at + 1));
        assert.ok(status >= 100 && status < 600);
        assert.doesNotMatch(fields.join(), /[\r\n\0]/);
      } catch (error) {
        assert.ok(error instanceof NotHttp, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});
