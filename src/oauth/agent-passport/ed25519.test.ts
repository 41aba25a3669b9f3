import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { toDIDKey } from 'agent-passport-system';
import fc from 'fast-check';
import { toHex } from '../../kernel/bytes.ts';
import { keyOfDid } from './did-key.ts';
import { isAdmissiblePoint, verifiesEd25519 } from './ed25519.ts';

const p = 2n ** 255n - 19n;
const mod = (value: bigint): bigint => ((value % p) + p) % p;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b))
    if (e & 1n) result = mod(result * b);
  return result;
}

const d = mod(-121665n * power(121666n, p - 2n));
type Point = readonly [bigint, bigint];

/** Addition of RFC 8032 §5.1.4, in affine coordinates. */
function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const t = mod(d * x1 * x2 * y1 * y2);
  return [mod((x1 * y2 + x2 * y1) * power(1n + t, p - 2n)), mod((y1 * y2 + x1 * x2) * power(1n - t, p - 2n))];
}

function encoded(y: bigint, sign: bigint): Uint8Array {
  return Buffer.from((y | (sign << 255n)).toString(16).padStart(64, '0'), 'hex').reverse();
}

/** The eight points that 8 takes to the identity: the multiples of one of order 8. */
function smallPoints(): readonly Point[] {
  const y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
  const square = mod((y * y - 1n) * power(d * y * y + 1n, p - 2n));
  const root = power(square, (p + 3n) / 8n);
  const x = mod(root * root) === square ? root : mod(root * power(2n, (p - 1n) / 4n));
  const points: Point[] = [[0n, 1n]];
  for (let point: Point = [x, y]; points.length < 8; point = add(point, [x, y])) points.push(point);
  return points;
}

test('O9 no point of small order is a key or a part of a signature, in whatever form it is written', () => {
  const points = smallPoints();
  assert.equal(new Set(points.map(String)).size, 8);
  for (const [, y] of points) {
    for (const sign of [0n, 1n]) {
      assert.equal(isAdmissiblePoint(encoded(y, sign)), false, String(y));
      if (y + p < 2n ** 255n) assert.equal(isAdmissiblePoint(encoded(y + p, sign)), false, String(y));
    }
  }
  assert.equal(isAdmissiblePoint(encoded(p, 0n)), false);
  assert.equal(isAdmissiblePoint(new Uint8Array(31)), false);
});

test('O9 a signature that fits every text, which some versions of OpenSSL take, is refused', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32);
  // RFC 8032 §5.1.5: the secret scalar, of which the public key is the point. Under the identity as key, R is that point.
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const clamped = (littleEndian(scalar) & ~7n & (2n ** 255n - 1n)) | (1n << 254n);
  const signature = Buffer.concat([
    publicKey.export({ format: 'der', type: 'spki' }).subarray(-32),
    encoded(clamped % order, 0n),
  ]);
  assert.equal(verifiesEd25519('whatever', toHex(signature), toHex(encoded(1n, 0n))), false);
});

function littleEndian(octets: Uint8Array): bigint {
  return BigInt(`0x${toHex(Buffer.from(octets).reverse())}`);
}

test('O9 a signature is of one text by one key, and hexadecimal in one way', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = toHex(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signature = toHex(sign(null, Buffer.from('this'), privateKey));
  assert.equal(verifiesEd25519('this', signature, key), true);
  for (const [text, value, by] of [
    ['that', signature, key],
    ['this', signature.toUpperCase(), key],
    ['this', `${signature}00`, key],
    ['this', signature, `${key}00`],
    ['this', '0'.repeat(128), key],
    ['this', signature, 'f'.repeat(64)],
  ] as const) {
    assert.equal(verifiesEd25519(text, value, by), false, value);
  }
});

test('O9 a did:key is the key that the reference implementation made it of, and no other text is one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (octets) => {
      const key = toHex(octets);
      assert.equal(keyOfDid(toDIDKey(key)), key);
    }),
  );
  const did = toDIDKey('ab'.repeat(32));
  for (const other of [
    '',
    'did:key:z',
    did.slice(0, -1),
    `${did}1`,
    did.replace('z6Mk', 'z1Mk'),
    `${did}#a`,
    'did:web:a',
  ]) {
    assert.equal(keyOfDid(other), null, other);
  }
});
