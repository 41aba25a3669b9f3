import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { drawSerial } from './draw-serial.ts';

test('I1 whatever is drawn, a serial is positive, not zero, 16 octets and without a leading zero octet', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
      const draws = [octets, new Uint8Array(16).fill(0xff)];
      const serial = drawSerial(() => draws.shift() ?? new Uint8Array(16).fill(1));
      assert.match(serial, /^(?!00)[0-7][0-9a-f]{31}$/);
    }),
  );
});

test('I1 an all-zero draw is drawn again', () => {
  const draws = [new Uint8Array(16), new Uint8Array(16).fill(0x80), new Uint8Array(16).fill(0x42)];
  assert.equal(
    drawSerial(() => draws.shift() ?? new Uint8Array(16)),
    '42'.repeat(16),
  );
});
