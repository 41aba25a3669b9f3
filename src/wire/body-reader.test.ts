import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyReader } from './body-reader.ts';

test('T6 a body of a length takes so many octets, wherever they are cut, and no more', () => {
  fc.assert(
    fc.property(fc.nat({ max: 100 }), fc.array(fc.uint8Array({ maxLength: 40 })), (length, pieces) => {
      const reader = new BodyReader(length);
      const all = Buffer.concat(pieces);
      const got: Uint8Array[] = [];
      let taken = 0;
      for (const piece of pieces) taken += reader.take(piece, (part) => got.push(part));
      assert.equal(taken, Math.min(length, all.length));
      assert.deepEqual(Buffer.concat(got), all.subarray(0, taken));
      assert.equal(reader.ended, all.length >= length);
      assert.equal(reader.close(), all.length >= length);
    }),
  );
});

test('T6 a body of no length has ended before anything comes', () => {
  const reader = new BodyReader(0);
  assert.equal(reader.ended, true);
  assert.equal(
    reader.take(Buffer.from('next'), () => assert.fail()),
    0,
  );
});

test('T6 a body that lasts until its connection ends takes everything and ends only then', () => {
  const reader = new BodyReader('until-close');
  assert.equal(
    reader.take(Buffer.from('abc'), () => undefined),
    3,
  );
  assert.equal(reader.ended, false);
  assert.equal(reader.close(), true);
  assert.equal(reader.ended, true);
});

test('T6 a connection that ends within the chunks is no end of the body', () => {
  const reader = new BodyReader('chunked');
  reader.take(Buffer.from('3\r\nab'), () => undefined);
  assert.equal(reader.close(), false);
});
