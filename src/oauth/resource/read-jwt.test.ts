import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import { readJwt } from './read-jwt.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64url');

/** What reading comes to: the code of the fault, or the claims. */
function read(text: string): string {
  try {
    return JSON.stringify(readJwt(text).claims);
  } catch (error) {
    return error instanceof Fault ? error.code : `not a fault: ${String(error)}`;
  }
}

test('O1 RFC 7519 §7.2 whatever comes as a token is read or refused, and nothing else happens', () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map(encoded),
    fc.base64String(),
    fc.constantFrom('', 'e30', 'e30='),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(part, part, part).map((parts) => parts.join('.')),
      ),
      (text) => {
        const came = read(text);
        return came === 'token_invalid' || came.startsWith('{');
      },
    ),
    { numRuns: 2_000 },
  );
});

test('O1 RFC 7515 §2 there is one way to write a token: padding, line breaks and stray bits are refused', () => {
  const [header, claims, signature] = [
    encoded('{"alg":"ES256"}'),
    encoded('{"sub":"a"}'),
    encoded('signature'),
  ];
  assert.equal(read(`${header}.${claims}.${signature}`), '{"sub":"a"}');
  for (const other of [
    `${header}=.${claims}.${signature}`,
    `${header}.${claims}\n.${signature}`,
    ` ${header}.${claims}.${signature}`,
    `${header}.${claims}.${signature.slice(0, -1)}`,
    `${header}.${claims.replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1))}.${signature}`,
    `${header}.${claims}.`,
    `${header}.${encoded('{"sub":"a","sub":"b"}')}.${signature}`,
    `${header}.${encoded('{"sub":"a","SUB":"b"}')}.${signature}`,
    `${header}.${encoded('["a"]')}.${signature}`,
    `${encoded('{"alg":"ES256","crit":["x"]}')}.${claims}.${signature}`,
    `${header}.${encoded(`{"a":"${'x'.repeat(20_000)}"}`)}.${signature}`,
  ]) {
    assert.equal(read(other), 'token_invalid', other.slice(0, 60));
  }
});
