import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { fromBase64, utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { contentDigest, hasDigest, readContentDigest } from './content-digest.ts';
import { signatureBase } from './signature-base.ts';
import { type InnerList, parseDictionary } from './structured-fields.ts';

/** RFC 9421 §B.1.3. */
const testKey = createPublicKey(`-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----`);

const response: Readonly<Record<string, string>> = {
  '@status': '200',
  'content-type': 'application/json',
  'content-digest':
    'sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
  'content-length': '23',
};

const input =
  'sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"';
const signature = 'wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==';

test('O9 RFC 9421 §B.2.4: the published ecdsa-p256-sha256 signature verifies over the base that we make', () => {
  const base = signatureBase(inputOf(input), (name) => response[name] ?? null);
  assert.equal(base.split('\n')[0], '"@status": 200');
  assert.ok(
    verify(
      'sha256',
      Buffer.from(base),
      { key: testKey, dsaEncoding: 'ieee-p1363' },
      fromBase64(signature) ?? new Uint8Array(),
    ),
  );
  const other = signatureBase(
    inputOf(input.replace('1618884473', '1618884474')),
    (name) => response[name] ?? null,
  );
  assert.ok(
    !verify(
      'sha256',
      Buffer.from(other),
      { key: testKey, dsaEncoding: 'ieee-p1363' },
      fromBase64(signature) ?? new Uint8Array(),
    ),
  );
});

for (const [what, text] of Object.entries({
  'a component that is not in the message (RFC 9421 §2.5)': 's=("x")',
  'a component that is covered twice (RFC 9421 §2)': 's=("@status" "@status")',
  'a component with parameters (RFC 9421 §2.1)': 's=("content-digest";sf)',
  'a component that is a token': 's=(content-type)',
})) {
  test(`O9 ${what} is refused`, () => {
    assert.throws(
      () => signatureBase(inputOf(text), (name) => response[name] ?? null),
      (error) => error instanceof Fault && error.code === 'invalid_input',
    );
  });
}

test('O9 RFC 9421 §2.5: a value that could add a line to the base is refused', () => {
  for (const value of ['a\n"@method": GET', 'é', 'a\u0000']) {
    assert.throws(
      () => signatureBase(inputOf('s=("x")'), () => value),
      (error) => error instanceof Fault && error.code === 'invalid_input',
    );
  }
});

test('O9 RFC 9530 §2: a Content-Digest is the SHA-256 of the body and of no other', () => {
  assert.equal(
    contentDigest(utf8('{"hello": "world"}')),
    'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
  );
  const digest = readContentDigest(contentDigest(utf8('a')));
  assert.ok(digest && hasDigest(utf8('a'), digest) && !hasDigest(utf8('b'), digest));
  const empty = contentDigest(new Uint8Array());
  for (const other of [
    '',
    'sha-512=:AAAA:',
    'sha-256="x"',
    'sha-256=:AAAA:',
    `${empty}, md5=:AAAA:`,
    `${empty};x`,
    'sha-256=(:AAAA:)',
  ]) {
    assert.equal(readContentDigest(other), null, other);
  }
});

function inputOf(text: string): InnerList {
  const [member] = parseDictionary(text).values();
  assert.ok(member && 'items' in member);
  return member;
}
