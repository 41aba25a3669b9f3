import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { drawSerial } from './draw-serial.ts';
import { renewalWindow } from './renewal-window.ts';

const day = 24 * 60 * 60_000;
const serial = '1f00000000000000000000000000abcd';

test('I6 the window is centred at half of a life under ten days and at two thirds of a longer one', () => {
  const short = renewalWindow({ serial, notBefore: 0, notAfter: day });
  assert.equal(short.start, Math.round(0.425 * day));
  assert.equal(short.end, Math.round(0.575 * day));
  const long = renewalWindow({ serial, notBefore: 0, notAfter: 30 * day });
  assert.equal(Math.round((long.start + long.end) / 2), 20 * day);
  assert.equal(Math.round(long.end - long.start), 4.5 * day);
});

test('I6 the moment lies in the window, is the same each time, and depends on the serial and the secret', () => {
  fc.assert(
    fc.property(fc.integer({ min: 60_000, max: 4000 * day }), (life) => {
      const certificate = {
        serial: drawSerial(),
        notBefore: 1_700_000_000_000,
        notAfter: 1_700_000_000_000 + life,
      };
      const { start, end, at } = renewalWindow(certificate);
      assert.ok(start <= at && at <= end);
      assert.ok(certificate.notBefore < start && end < certificate.notAfter);
      assert.equal(renewalWindow(certificate).at, at);
    }),
  );
  const times = Array.from(
    { length: 100 },
    () => renewalWindow({ serial: drawSerial(), notBefore: 0, notAfter: day }).at,
  );
  assert.ok(new Set(times).size > 90);
  const secret = new Uint8Array(32).fill(7);
  const certificate = { serial, notBefore: 0, notAfter: day };
  assert.notEqual(renewalWindow(certificate, secret).at, renewalWindow(certificate).at);
});
