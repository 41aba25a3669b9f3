import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify, SignJWT } from 'jose';
import { steppedClock } from '../../kernel/clock.ts';
import { entryCipher } from './entry-cipher.ts';
import { memoryOauthRecords } from './memory-records.ts';
import { openTokenKeys } from './token-keys.ts';

const auditKey = generateKeyPairSync('ed25519').privateKey;
const life = 360_000;

test('O2 the key that signs tokens is kept encrypted, is the same after a restart, and its public half outlives it by the life of a token', async () => {
  const records = memoryOauthRecords();
  const clock = steppedClock(1_000_000);
  const { secrets } = entryCipher(auditKey);
  const parts = { records, secrets, clock, keptFor: life };
  const keys = await openTokenKeys(parts);
  const first = keys.signing();
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: first.kid })
    .sign(first.privateKey);
  const verifies = async (): Promise<boolean> => {
    const set = createLocalJWKSet({ keys: [...keys.publicKeys()] as never });
    return await jwtVerify(token, set).then(
      () => true,
      () => false,
    );
  };
  assert.equal(await verifies(), true);
  const [jwk] = keys.publicKeys();
  assert.equal(await calculateJwkThumbprint({ ...jwk }), first.kid);
  assert.equal(jwk?.['d'], undefined);
  const stored = JSON.stringify(await records.keys());
  const { d = '' } = first.privateKey.export({ format: 'jwk' });
  assert.ok(!stored.includes(d) && !stored.includes('PRIVATE'));

  assert.equal((await openTokenKeys(parts)).signing().kid, first.kid);
  await keys.rotate(false);
  assert.notEqual(keys.signing().kid, first.kid);
  assert.deepEqual(
    keys.publicKeys().map(({ kid }) => kid),
    [keys.signing().kid, first.kid],
  );
  clock.advance(life - 1);
  assert.equal(await verifies(), true);
  clock.advance(1);
  assert.equal(await verifies(), false);
});

test('O2 what a compromised key has signed verifies no more, and neither does what one before it has', async () => {
  const parts = { records: memoryOauthRecords(), clock: steppedClock(0), keptFor: life };
  const keys = await openTokenKeys({ ...parts, secrets: entryCipher(auditKey).secrets });
  await keys.rotate(false);
  assert.equal(keys.publicKeys().length, 2);
  await keys.rotate(true);
  assert.deepEqual(
    keys.publicKeys().map(({ kid }) => kid),
    [keys.signing().kid],
  );
});

test('O2 a key that was sealed by another authority does not sign', async () => {
  const records = memoryOauthRecords();
  const clock = steppedClock(0);
  const opening = (key: typeof auditKey) =>
    openTokenKeys({ records, secrets: entryCipher(key).secrets, clock, keptFor: life });
  await opening(auditKey);
  await assert.rejects(opening(generateKeyPairSync('ed25519').privateKey), { code: 'state_damaged' });
});

test('O2 what is stored opens at its own place only', () => {
  const cipher = entryCipher(auditKey);
  const id = cipher.hash('RefreshToken', 'secret');
  assert.ok(!id.includes('secret'));
  assert.notEqual(id, cipher.hash('AuthorizationCode', 'secret'));
  const sealed = cipher.seal('RefreshToken', id, { jti: 'secret' });
  assert.deepEqual(cipher.open('RefreshToken', id, sealed), { jti: 'secret' });
  assert.equal(cipher.open('RefreshToken', cipher.hash('RefreshToken', 'other'), sealed), null);
  assert.equal(cipher.open('AuthorizationCode', id, sealed), null);
  const other = entryCipher(generateKeyPairSync('ed25519').privateKey);
  assert.equal(other.open('RefreshToken', id, sealed), null);
});

test('O2 another authority of the store signs with the new key once it has looked, and with no compromised one', async () => {
  const records = memoryOauthRecords();
  const { secrets } = entryCipher(auditKey);
  const parts = { records, secrets, clock: steppedClock(1_000_000), keptFor: life };
  const [a, b] = [await openTokenKeys(parts), await openTokenKeys(parts)];
  assert.equal(await b.refresh(), false);
  const first = b.signing().kid;
  await a.rotate(true);
  assert.equal(await b.refresh(), true);
  assert.equal(b.signing().kid, a.signing().kid);
  assert.deepEqual(b.publicKeys(), a.publicKeys());
  assert.ok(!b.publicKeys().some(({ kid }) => kid === first));
});
