import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import { fromBase64url, toBase64url, utf8 } from '../../kernel/bytes.ts';
import { readAccountKey } from './account-key.ts';
import { readJws, verifiesMac, verifyJws } from './jws.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const encode = (value: unknown): string => toBase64url(utf8(JSON.stringify(value)));

const keys: readonly (readonly [string, KeyObject])[] = [
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['EdDSA', generateKeyPairSync('ed25519').privateKey],
];

function jwkOf(key: KeyObject): Record<string, string> {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...jwk } = key.export({ format: 'jwk' });
  return jwk as Record<string, string>;
}

function signed(alg: string, key: KeyObject, header: object = {}): Record<string, string> {
  const head = encode({ alg, ...header });
  const payload = encode({ hello: 'world' });
  const digest = alg === 'EdDSA' ? null : 'sha256';
  const signature = sign(digest, utf8(`${head}.${payload}`), { key, dsaEncoding: 'ieee-p1363' });
  return { protected: head, payload, signature: toBase64url(signature) };
}

for (const [alg, key] of keys) {
  test(`I3 an ${alg} signature holds for its key and for nothing else`, () => {
    const whole = signed(alg, key);
    const account = readAccountKey(jwkOf(key));
    verifyJws(readJws(whole), account);
    const other = { ...whole, payload: encode({ hello: 'World' }) };
    assert.throws(() => verifyJws(readJws(other), account), fault('signature_invalid'));
    for (const [foreign, foreignKey] of keys) {
      if (foreign === alg) continue;
      const mixed = readAccountKey(jwkOf(foreignKey));
      assert.throws(() => verifyJws(readJws(whole), mixed), fault('signature_invalid'));
    }
  });

  test(`I3 no octet of an ${alg} signature can be changed, added or left out`, () => {
    const whole = signed(alg, key);
    const account = readAccountKey(jwkOf(key));
    const octets = fromBase64url(whole['signature'] ?? '') ?? new Uint8Array();
    const changed = [octets.subarray(1), new Uint8Array([...octets, 0]), new Uint8Array(octets.length)];
    for (const at of [0, octets.length >> 1, octets.length - 1]) {
      const flipped = new Uint8Array(octets);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      changed.push(flipped);
    }
    for (const signature of changed) {
      const jws = readJws({ ...whole, signature: toBase64url(signature) });
      assert.throws(() => verifyJws(jws, account), fault('signature_invalid'));
    }
  });
}

test('I3 an ECDSA signature in DER, as certificates carry it, is not one of a JWS', () => {
  const [, key] = keys[0] ?? assert.fail();
  const whole = signed('ES256', key);
  const der = sign('sha256', utf8(`${whole['protected']}.${whole['payload']}`), key);
  const jws = readJws({ ...whole, signature: toBase64url(der) });
  assert.throws(() => verifyJws(jws, readAccountKey(jwkOf(key))), fault('signature_invalid'));
});

test('I3 refuses every other algorithm: none, MACs, weak and unknown ones', () => {
  const [, key] = keys[1] ?? assert.fail();
  for (const alg of ['none', 'HS256', 'RS1', 'RS512', 'PS256', 'ES384', '', '__proto__', 'constructor']) {
    const jws = readJws({ ...signed('RS256', key), protected: encode({ alg }) });
    assert.throws(() => verifyJws(jws, readAccountKey(jwkOf(key))), fault('algorithm_refused'));
  }
});

test('I3 refuses a JWS with more or less than its three members, critical headers, padding or two of a name', () => {
  const [alg, key] = keys[0] ?? assert.fail();
  const whole = signed(alg, key);
  const wrong: object[] = [
    { ...whole, header: {} },
    { ...whole, signatures: [] },
    { protected: whole['protected'], payload: whole['payload'] },
    { ...whole, payload: 1 },
    { ...whole, signature: `${whole['signature']}=` },
    { ...whole, protected: encode({ alg, crit: ['exp'] }) },
    { ...whole, protected: encode({ alg, b64: false }) },
    { ...whole, protected: encode([alg]) },
    { ...whole, protected: toBase64url(utf8('{"alg":"ES256","alg":"none"}')) },
    { ...whole, protected: toBase64url(utf8('{"alg":"ES256","Alg":"none"}')) },
  ];
  for (const value of wrong) assert.throws(() => readJws(value as never), Fault);
});

test('I3 a MAC holds under its secret and no other, and a signature is no MAC', () => {
  const head = encode({ alg: 'HS256' });
  const secret = utf8('the secret of an external account');
  const mac = createHmac('sha256', secret).update(`${head}.${head}`).digest();
  const jws = readJws({ protected: head, payload: head, signature: toBase64url(mac) });
  assert.ok(verifiesMac(jws, secret));
  assert.ok(!verifiesMac(jws, utf8('another secret')));
  const [alg, key] = keys[0] ?? assert.fail();
  assert.ok(!verifiesMac(readJws(signed(alg, key)), secret));
});

test('I3 the thumbprint is the one of RFC 7638 §3.1, whatever else stands in the key', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
  const key = readAccountKey({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' });
  assert.equal(key.thumbprint, 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

test('I3 refuses private, weak, foreign and oddly spelt keys', () => {
  const [, ec] = keys[0] ?? assert.fail();
  const point = jwkOf(ec);
  const short = jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
  const rsa = jwkOf((keys[1] ?? assert.fail())[1]);
  const wrong: unknown[] = [
    undefined,
    null,
    'key',
    {},
    ec.export({ format: 'jwk' }),
    short,
    { ...point, crv: 'P-384' },
    { ...point, x: point['y'], y: 'AA' },
    { ...point, x: 'A'.repeat(43) },
    { ...rsa, n: toBase64url(new Uint8Array([0, ...(fromBase64url(rsa['n'] ?? '') ?? [])])) },
    { ...rsa, e: 'Aw' },
    { kty: 'oct', k: 'AAAA' },
    { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) },
    { kty: '__proto__' },
  ];
  for (const value of wrong) assert.throws(() => readAccountKey(value as never), fault('key_unacceptable'));
});

test('I3 whatever is sent as a JWS or as a key ends in a fault or a value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (value, text) => {
      for (const one of [value, { protected: text, payload: text, signature: text }]) {
        for (const read of [readJws, readAccountKey]) {
          try {
            read(one as never);
          } catch (error) {
            assert.ok(error instanceof Fault, String(error));
          }
        }
      }
    }),
  );
});
