import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { calculateJwkThumbprint, CompactSign, type JWK } from 'jose';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { checkProof } from './check-proof.ts';
import { memoryReplays } from './memory-replays.ts';
import { createProofNonces } from './proof-nonces.ts';

const start = 1_790_000_000_000;
const url = 'https://gateway.example.internal:8443/mcp/files';
const token = 'header.claims.signature';
const request = { method: 'POST', url, token, agent: 'spiffe://example.internal/agent/ci-bot' };

function stage() {
  const clock = steppedClock(start);
  const nonces = createProofNonces(new Uint8Array(32).fill(7), clock);
  return { clock, nonces, replays: memoryReplays(clock) };
}

function keyOf(kind: 'ES256' | 'RS256' | 'EdDSA'): { readonly privateKey: KeyObject; readonly jwk: JWK } {
  const { privateKey, publicKey } =
    kind === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : kind === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
        : generateKeyPairSync('ed25519');
  return { privateKey, jwk: publicKey.export({ format: 'jwk' }) as JWK };
}

const own = keyOf('ES256');
let count = 0;

/** A proof as a client makes it, with some things otherwise. */
async function proofOf(
  nonce: string | undefined,
  claims: object = {},
  header: object = {},
  key: KeyObject = own.privateKey,
): Promise<string> {
  count += 1;
  const usual = {
    jti: `proof-${count}`,
    htm: 'POST',
    htu: url,
    iat: start / 1_000,
    ath: sha256Base64url(token),
    nonce,
  };
  return await new CompactSign(Buffer.from(JSON.stringify({ ...usual, ...claims })))
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: own.jwk, ...header })
    .sign(key);
}

describe('O1 RFC 9449 a proof of possession', () => {
  test('§4.3 of this request is the thumbprint of its key (RFC 7638), whatever kind of key it is', async () => {
    for (const alg of ['ES256', 'RS256', 'EdDSA'] as const) {
      const ports = stage();
      const { jwk, privateKey } = keyOf(alg);
      const proof = await proofOf(ports.nonces.current(), {}, { alg, jwk }, privateKey);
      assert.equal(await checkProof(proof, request, ports), await calculateJwkThumbprint(jwk));
    }
  });

  test('§4.3 the URL is compared without query and fragment, in its normal form', async () => {
    for (const htu of [
      `${url}?x=1`,
      `${url}#x`,
      url.replace('gateway', 'GATEWAY'),
      url.replace('/mcp', '/./mcp'),
    ]) {
      const ports = stage();
      assert.ok(await checkProof(await proofOf(ports.nonces.current(), { htu }), request, ports), htu);
    }
  });

  test('§4.3 of another request, time, token or kind is refused', async () => {
    const cases: readonly (readonly [string, object, object?])[] = [
      ['method', { htm: 'GET' }],
      ['method in other letters', { htm: 'post' }],
      ['server', { htu: url.replace('files', 'git') }],
      ['endpoint of all', { htu: url.replace('/files', '') }],
      ['port', { htu: url.replace(':8443', '') }],
      ['no URL', { htu: 'files' }],
      ['too old', { iat: start / 1_000 - 121 }],
      ['ahead', { iat: start / 1_000 + 31 }],
      ['no time', { iat: 'now' }],
      ['another token', { ath: sha256Base64url('other') }],
      ['no token', { ath: undefined }],
      ['no jti', { jti: undefined }],
      ['an endless jti', { jti: 'x'.repeat(257) }],
      ['type JWT', {}, { typ: 'JWT' }],
      ['no type', {}, { typ: undefined }],
      ['no key', {}, { jwk: undefined }],
      ['another key', {}, { jwk: keyOf('ES256').jwk }],
      ['a private key', {}, { jwk: own.privateKey.export({ format: 'jwk' }) }],
      ['a symmetric key', {}, { jwk: { kty: 'oct', k: 'AAAA' } }],
      ['a key of another kind', {}, { jwk: keyOf('RS256').jwk }],
    ];
    for (const [what, claims, header] of cases) {
      const ports = stage();
      const proof = await proofOf(ports.nonces.current(), claims, header);
      assert.throws(() => checkProof(proof, request, ports), { code: 'proof_invalid' }, what);
    }
    for (const proof of ['', 'x', 'a.b.c', `${await proofOf(undefined)}, ${await proofOf(undefined)}`]) {
      assert.throws(() => checkProof(proof, request, stage()), { code: 'proof_invalid' });
    }
  });

  test('§11.6 none, MACs and extensions are refused', async () => {
    const ports = stage();
    const [, claims, signature] = (await proofOf(ports.nonces.current())).split('.') as [
      string,
      string,
      string,
    ];
    for (const more of [{ alg: 'none' }, { alg: 'HS256' }, { alg: 'RS256' }, { crit: ['x'] }]) {
      const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: own.jwk, ...more };
      const forged = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${claims}.${signature}`;
      assert.throws(
        () => checkProof(forged, request, ports),
        { code: 'proof_invalid' },
        JSON.stringify(more),
      );
    }
  });

  test('§11.1 is good once, and another one with the same jti of another key is another one', async () => {
    const ports = stage();
    const nonce = ports.nonces.current();
    const proof = await proofOf(nonce, { jti: 'same' });
    assert.ok(await checkProof(proof, request, ports));
    assert.throws(() => checkProof(proof, request, ports), { code: 'proof_invalid', message: /used before/ });
    const again = await proofOf(nonce, { jti: 'same' });
    assert.throws(() => checkProof(again, request, ports), { code: 'proof_invalid', message: /used before/ });
    const other = keyOf('ES256');
    assert.ok(
      checkProof(await proofOf(nonce, { jti: 'same' }, { jwk: other.jwk }, other.privateKey), request, ports),
    );
  });

  test('§9 needs a nonce that this gateway gave within a minute and a half', async () => {
    const ports = stage();
    const nonce = ports.nonces.current();
    const elsewhere = createProofNonces(new Uint8Array(32).fill(8), ports.clock).current();
    for (const wrong of [undefined, '', 'x', elsewhere]) {
      const proof = await proofOf(wrong);
      assert.throws(() => checkProof(proof, request, ports), { code: 'proof_nonce' }, String(wrong));
    }
    ports.clock.advance(59_000);
    const iat = { iat: (start + 59_000) / 1_000 };
    assert.ok(checkProof(await proofOf(nonce, iat), request, ports));
    ports.clock.advance(31_000);
    const late = await proofOf(nonce, { iat: (start + 90_000) / 1_000 });
    assert.throws(() => checkProof(late, request, ports), { code: 'proof_nonce' });
  });
});

test('RFC 9449 §9 gateways with keys in common take each other’s nonces for a minute and a half, also with clocks that differ a little and after the key changed', () => {
  const wall = steppedClock(start);
  // Machines have been up for different times.
  const clockOf = (ahead: number) => ({
    now: () => wall.now() + ahead,
    monotonic: () => wall.now() - start + ahead * 1_000,
  });
  const [old, next] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  let keys: readonly Uint8Array[] = [old, next];
  const nonces = [0, 4_000].map((ahead, at) =>
    createProofNonces(new Uint8Array(32).fill(100 + at), clockOf(ahead), () => keys),
  );
  const [here, there] = nonces;
  assert.ok(here && there);
  for (let second = 0; second < 60; second += 1) {
    assert.ok(here.accepts(there.current()) && there.accepts(here.current()), `${second}`);
    wall.advance(1_000);
  }
  const before = here.current();
  keys = [next, old];
  assert.ok(there.accepts(before) && here.current() !== before);
  wall.advance(91_000);
  assert.ok(!there.accepts(before) && !here.accepts(before));
  // A key that is gone was perhaps known to somebody who is not trusted any more.
  const last = here.current();
  keys = [old];
  assert.ok(!there.accepts(last));
  keys = [];
  assert.ok(!there.accepts(here.current()), 'each has its own');
});

test('RFC 9449 §11.1 used proofs are remembered as long as their nonce, and one agent cannot take the room of others', () => {
  const clock = steppedClock(0);
  const replays = memoryReplays(clock);
  const take = (agent: string, proof: string) =>
    replays.take({ agent, proof, from: 0, milliseconds: 90_000 });
  assert.equal(take('a', 'p'), true);
  assert.equal(take('b', 'p'), false);
  clock.advance(89_999);
  assert.equal(take('a', 'p'), false);
  clock.advance(1);
  assert.equal(take('a', 'p'), true);
  for (let made = 1; made < 32_768; made++) assert.equal(take('a', `p${made}`), true);
  assert.throws(() => take('a', 'more'), { code: 'unavailable' });
  assert.equal(take('b', 'more'), true);
  clock.advance(90_000);
  assert.equal(take('a', 'again'), true);
});
