import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { toBase64, toBase64url, utf8 } from '../kernel/bytes.ts';
import { anAuthority } from './authority.fixture.ts';
import { readSpiffeBundle, writeSpiffeBundle } from './spiffe-bundle.ts';

const authority = anAuthority();
const octets = (document: unknown): Uint8Array => utf8(JSON.stringify(document));
const key = (changes: object = {}): object => ({
  use: 'x509-svid',
  ...authority.publicKey.export({ format: 'jwk' }),
  x5c: [toBase64(authority.der)],
  ...changes,
});

test('I11 a bundle that is written is read as it was, for every kind of key', () => {
  const keys = [
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ed25519'),
  ];
  const authorities = [authority, ...keys.map(({ privateKey }) => anAuthority({}, privateKey))];
  const bundle = { authorities, sequence: 7, refreshHint: 300 };
  const read = readSpiffeBundle(octets(writeSpiffeBundle(bundle)));
  assert.deepEqual([read.sequence, read.refreshHint], [7, 300]);
  assert.deepEqual(
    read.authorities.map(({ thumbprint }) => thumbprint),
    authorities.map(({ thumbprint }) => thumbprint),
  );
});

test('I11 keys for other uses, and those without one, are passed over', () => {
  const { use: _use, ...unused } = key() as { readonly use: string };
  const keys = [key({ use: 'jwt-svid', x5c: undefined, kid: 'a' }), unused, key()];
  const read = readSpiffeBundle(octets({ keys, more: true }));
  assert.equal(read.authorities.length, 1);
  assert.deepEqual([read.sequence, read.refreshHint], [null, null]);
});

const bad: Readonly<Record<string, unknown>> = {
  'no object': [],
  'no keys': { spiffe_sequence: 1 },
  'too many keys': { keys: Array.from({ length: 65 }, () => ({ use: 'jwt-svid' })) },
  'no certificate': { keys: [key({ x5c: [] })] },
  'two certificates in one key': { keys: [key({ x5c: [toBase64(authority.der), toBase64(authority.der)] })] },
  'a certificate in base64url': { keys: [key({ x5c: [toBase64url(authority.der)] })] },
  'a key that is not that of its certificate': { keys: [key({ x: toBase64url(new Uint8Array(32)) })] },
  'a key without its members': { keys: [{ use: 'x509-svid', x5c: [toBase64(authority.der)] }] },
  'a sequence that is no number': { keys: [key()], spiffe_sequence: '1' },
  'a sequence below nothing': { keys: [key()], spiffe_sequence: -1 },
  'a hint in parts of seconds': { keys: [key()], spiffe_refresh_hint: 1.5 },
};

for (const [title, document] of Object.entries(bad)) {
  test(`I11 refuses a bundle with ${title}`, () => {
    assert.throws(() => readSpiffeBundle(octets(document)), { code: 'bundle_refused' });
  });
}

test('I11 refuses a bundle that is too large, no JSON, or has a certificate with octets after its end', () => {
  assert.throws(() => readSpiffeBundle(new Uint8Array(256 * 1024 + 1)), { code: 'bundle_refused' });
  assert.throws(() => readSpiffeBundle(utf8('{')), { code: 'malformed_json' });
  const longer = toBase64(Buffer.concat([authority.der, new Uint8Array(1)]));
  assert.throws(() => readSpiffeBundle(octets({ keys: [key({ x5c: [longer] })] })), {
    code: 'malformed_der',
  });
});
