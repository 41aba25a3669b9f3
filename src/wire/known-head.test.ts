import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KnownHead } from './known-head.ts';

const said = { n: 1 };
const kept = (text: string): KnownHead<object> => {
  const known = new KnownHead<object>();
  known.keep(Buffer.from(text), said);
  return known;
};

test('T6 the head that came last is known again, whatever comes behind it', () => {
  const head = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
  fc.assert(
    fc.property(fc.uint8Array(), (body) => {
      const known = kept(head);
      assert.equal(known.at(Buffer.concat([Buffer.from(head), body])), said);
      assert.equal(known.size, head.length);
    }),
  );
});

test('T6 a head that differs in any octet, or is not complete, is not taken for it', () => {
  const head = Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  for (let at = 0; at < head.length; at++) {
    const other = Buffer.from(head);
    other[at] = (other[at] ?? 0) ^ 0x20;
    assert.equal(kept(head.toString()).at(other), null, `octet ${at}`);
    assert.equal(kept(head.toString()).at(head.subarray(0, at)), null, `${at} octets`);
  }
});

test('T6 what is kept does not change with the memory it was read from, and nothing long is kept', () => {
  const octets = Buffer.from('GET / HTTP/1.1\r\n\r\n');
  const known = new KnownHead<object>();
  known.keep(octets, said);
  octets.fill(0x20);
  assert.equal(known.at(octets), null);
  assert.equal(known.at(Buffer.from('GET / HTTP/1.1\r\n\r\n')), said);
  const long = Buffer.alloc(2_049, 0x61);
  assert.equal(new KnownHead<object>().at(Buffer.alloc(0)), null);
  const none = new KnownHead<object>();
  none.keep(long, said);
  assert.equal(none.at(long), null);
});
