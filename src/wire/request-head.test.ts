import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NotHttp } from './not-http.ts';
import { parseRequestHead, readAddress, writeRequestLine } from './request-head.ts';

test('T6 a head is read as its method, its target as written and its fields in order', () => {
  const head = parseRequestHead('POST /mcp/a?b=%2F HTTP/1.1\r\nHost: h\r\nX:  y  \r\n\r\n');
  assert.deepEqual(head, {
    method: 'POST',
    target: '/mcp/a?b=%2F',
    version: '1.1',
    fields: ['Host', 'h', 'X', 'y'],
  });
});

for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
  test(`T6 ${method} is a method, and not in small letters`, () => {
    assert.equal(parseRequestHead(`${method} / HTTP/1.1\r\n\r\n`).method, method);
    assert.throws(() => parseRequestHead(`${method.toLowerCase()} / HTTP/1.1\r\n\r\n`), NotHttp);
  });
}

for (const line of [
  '',
  ' ',
  'GET',
  'GET /',
  'GET / ',
  'GET  / HTTP/1.1',
  'GET /  HTTP/1.1',
  'GET / HTTP/1.1 ',
  ' GET / HTTP/1.1',
  'GET\t/ HTTP/1.1',
  'GET /a b HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'TRACE / HTTP/1.1',
  'PRI * HTTP/2',
  'GET / http/1.1',
  'GET / HTTP/1.10',
  'GET / HTTP/11',
  'GET / HTTP/1',
  'GET /\x85 HTTP/1.1',
  'GÉT / HTTP/1.1',
]) {
  test(`T6 the first line ${JSON.stringify(line)} is refused`, () => {
    assert.throws(() => parseRequestHead(`${line}\r\nhost: a\r\n\r\n`), { name: 'NotHttp', status: 400 });
  });
}

for (const version of ['0.9', '1.0', '1.2', '2.0', '3.0']) {
  test(`T6 HTTP/${version} is answered with 505`, () => {
    assert.throws(() => parseRequestHead(`GET / HTTP/${version}\r\n\r\n`), { name: 'NotHttp', status: 505 });
  });
}

test('I7 HTTP/1.0 is read where it is spoken, and no other version is', () => {
  const { method, version } = parseRequestHead('GET / HTTP/1.0\r\n\r\n', '1.0');
  assert.deepEqual([method, version], ['GET', '1.0']);
  assert.equal(parseRequestHead('GET / HTTP/1.1\r\n\r\n', '1.0').version, '1.1');
  for (const other of ['0.9', '1.2', '2.0']) {
    assert.throws(() => parseRequestHead(`GET / HTTP/${other}\r\n\r\n`, '1.0'), { status: 505 });
  }
});

test('T6 no head, however damaged, is anything but read or refused', () => {
  const head = 'POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n';
  fc.assert(
    fc.property(fc.nat({ max: head.length - 5 }), fc.string({ unit: 'binary', maxLength: 3 }), (at, put) => {
      const damaged = head.slice(0, at) + put + head.slice(at + 1);
      try {
        const { method, target, fields } = parseRequestHead(damaged);
        // What is read stands there, and only there.
        assert.ok(damaged.startsWith(`${method} ${target} HTTP/1.1\r\n`));
        assert.equal(fields.length % 2, 0);
        assert.doesNotMatch(fields.join(), /[\r\n\0]/);
      } catch (error) {
        assert.ok(error instanceof NotHttp, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('T6 a target is parted at its first question mark and not decoded', () => {
  const fields = ['host', 'a'];
  const parts = (target: string): readonly string[] => {
    const { path, query } = readAddress(target, fields);
    return [path, query];
  };
  assert.deepEqual(parts('/a'), ['/a', '']);
  assert.deepEqual(parts('/a?b=c?d'), ['/a', 'b=c?d']);
  assert.deepEqual(parts('/%2e%2e/%00'), ['/%2e%2e/%00', '']);
});

for (const target of ['*', 'http://a/', 'a:443', 'a', '?a', '\\a', '/a#b', '/a?b#c', '']) {
  test(`T6 the target ${JSON.stringify(target)} is refused`, () => {
    assert.throws(() => readAddress(target, ['host', 'a']), NotHttp);
  });
}

test('T6 a request without Host, or with an expectation nobody knows, is refused', () => {
  assert.throws(() => readAddress('/', ['x', 'y']), NotHttp);
  assert.throws(() => readAddress('/', ['host', 'a', 'expect', '200-ok']), NotHttp);
  assert.equal(readAddress('/', ['host', 'a', 'expect', '100-Continue']).path, '/');
});

test('T6 the first line that is written is read back, and one that would be read otherwise is not written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      const target = `/${text}`;
      if (/^[!-"$-~]*$/.test(text)) {
        const head = parseRequestHead(`${writeRequestLine('POST', target)}host: a\r\n\r\n`);
        assert.equal(head.target, target);
        assert.doesNotThrow(() => readAddress(head.target, head.fields));
      } else {
        assert.throws(() => writeRequestLine('POST', target), TypeError);
      }
    }),
  );
  for (const method of ['', 'post', 'GET /', 'GET\r\n', 'CONNECT'])
    assert.throws(() => writeRequestLine(method, '/'), TypeError);
});
