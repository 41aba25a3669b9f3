import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { readCrl } from '../x509/crl.ts';
import { readCertificate } from '../x509/certificate.ts';
import { certify } from './certify.ts';
import { type CrlSources, makeCrls, openCrlPublisher } from './crl.ts';
import { raiseNumbers } from './crl-progress.ts';
import { type MemoryAuthority, memoryAuthority } from './memory-authority.ts';
import { shardCount } from './publication-urls.ts';
import { specimenOrder } from './specimen-request.ts';

const hour = 60 * 60_000;
const day = 24 * hour;
const publicUrl = 'http://pki.example.internal:8446';

function sourcesOf(authority: MemoryAuthority, changes: Partial<CrlSources> = {}): CrlSources {
  const facts = new Map<string, string>();
  const { issuer, records, audit, clock, urls } = authority;
  return {
    issuer,
    records,
    audit,
    clock,
    urls,
    life: day,
    facts: {
      get: async (name) => facts.get(name) ?? null,
      set: async (name, value) => void facts.set(name, value),
      async swap(name, before, after) {
        if ((facts.get(name) ?? null) !== before) return false;
        facts.set(name, after);
        return true;
      },
    },
    ...changes,
  };
}

const listed = (der: Uint8Array): readonly string[] => readCrl(der).entries.map(({ serial }) => serial);

test('I7 the list that a leaf names is the one it is on, under the same name, octet by octet', async () => {
  const authority = memoryAuthority({ publicUrl });
  const leaf = await certify(specimenOrder(), authority);
  await authority.records.revoke(leaf.serial, 'test', authority.clock.now(), 'keyCompromise');
  const { full, shards } = await makeCrls(sourcesOf(authority), 'scheduled');
  assert.equal(shards.length, shardCount);
  assert.deepEqual(listed(full.der), [leaf.serial]);
  assert.equal(readCrl(full.der).urls, null);
  const holding = shards.filter(({ der }) => listed(der).includes(leaf.serial));
  assert.equal(holding.length, 1);
  assert.deepEqual(readCrl(holding[0]?.der ?? full.der).urls, leaf.crlUrls);
  assert.match(
    leaf.crlUrls[0] ?? '',
    /^http:\/\/pki\.example\.internal:8446\/crl\/[0-9a-f]{40}\/16\/\d+\.crl$/,
  );
  assert.deepEqual(leaf.ocspUrls, [`${publicUrl}/ocsp`]);
  assert.match(leaf.issuerUrls[0] ?? '', /\/ca\/[0-9a-f]{40}\.cer$/);
  assert.deepEqual(readCrl(full.der).entries, [
    { serial: leaf.serial, revokedAt: authority.clock.now(), reason: 'keyCompromise' },
  ]);
});

test('I7 without a public URL leaves name nothing, and the full list is all there is', async () => {
  const authority = memoryAuthority();
  const leaf = await certify(specimenOrder(), authority);
  assert.deepEqual([leaf.crlUrls, leaf.ocspUrls, leaf.issuerUrls], [[], [], []]);
  assert.equal((await makeCrls(sourcesOf(authority), 'scheduled')).shards.length, 0);
});

test('I7 no number stands on two lists, whatever happens between', async () => {
  const authority = memoryAuthority();
  const sources = sourcesOf(authority);
  assert.equal((await makeCrls(sources, 'scheduled')).number, 1);
  const broken = { ...authority.issuer.key, sign: () => Promise.reject(new Error('the key is away')) };
  await assert.rejects(
    makeCrls({ ...sources, issuer: { ...authority.issuer, key: broken } }, 'scheduled'),
    /the key is away/,
  );
  assert.equal((await makeCrls(sources, 'revocation')).number, 3);
});

test('I7 after a restoration no list gets a number that may have been given out since the backup', async () => {
  const authority = memoryAuthority();
  const sources = sourcesOf(authority);
  const restoredAt = authority.clock.now();
  await makeCrls(sources, 'scheduled');
  await raiseNumbers(sources.facts, restoredAt);
  const first = await makeCrls(sources, 'revocation');
  assert.equal(first.number, restoredAt / 1_000 + 1);
  assert.equal((await makeCrls(sources, 'scheduled')).number, first.number + 1);
});

test('I7 what the key did not sign as it was meant is never published', async () => {
  const authority = memoryAuthority();
  const { key } = authority.issuer;
  const wrong = { ...key, sign: (tbs: Uint8Array) => key.sign(tbs.slice(1)) };
  const sources = sourcesOf(authority, { issuer: { ...authority.issuer, key: wrong } });
  await assert.rejects(makeCrls(sources, 'scheduled'), { code: 'lint_failed' });
});

test('I7 a certificate leaves the lists only after a scheduled one that came after its end (RFC 5280 §3.3)', async () => {
  const authority = memoryAuthority();
  const sources = sourcesOf(authority);
  const { clock } = authority;
  await makeCrls(sources, 'scheduled');
  const { serial } = await certify(specimenOrder(), authority);
  await authority.records.revoke(serial, 'test', clock.now());
  clock.advance(3 * hour);
  assert.deepEqual(
    listed((await makeCrls(sources, 'revocation')).full.der),
    [serial],
    'ended, not scheduled',
  );
  assert.deepEqual(listed((await makeCrls(sources, 'scheduled')).full.der), [serial], 'scheduled, once');
  assert.deepEqual(listed((await makeCrls(sources, 'revocation')).full.der), []);
});

test('I7 a revocation, a hold and its end are published at once', async () => {
  const authority = memoryAuthority({ publicUrl });
  const { records, clock } = authority;
  const leaf = await certify(specimenOrder(), authority);
  using publisher = await openCrlPublisher(sourcesOf(authority), assert.fail);
  const now = async (): Promise<readonly string[]> => {
    await publisher.settled();
    return listed(publisher.current().full.der);
  };
  publisher.heard(leaf.serial, false);
  assert.equal(publisher.current().number, 1, 'an issuance changes no list');
  await records.revoke(leaf.serial, 'test', clock.now(), 'certificateHold');
  publisher.heard(leaf.serial, true);
  assert.deepEqual(await now(), [leaf.serial]);
  assert.equal(readCrl(publisher.current().full.der).entries[0]?.reason, 'certificateHold');
  await records.reinstate(leaf.serial);
  publisher.heard(leaf.serial, false);
  assert.deepEqual(await now(), []);
});

test('I7 a certificate reinstated while the list that has it is being signed does not stay on it', async () => {
  const authority = memoryAuthority();
  const { records, clock, issuer } = authority;
  const { serial } = await certify(specimenOrder(), authority);
  const gate = Promise.withResolvers<void>();
  let slow = false;
  const key = {
    ...issuer.key,
    async sign(tbs: Uint8Array) {
      if (slow) await gate.promise;
      return await issuer.key.sign(tbs);
    },
  };
  using publisher = await openCrlPublisher(sourcesOf(authority, { issuer: { ...issuer, key } }), assert.fail);
  slow = true;
  await records.revoke(serial, 'test', clock.now(), 'certificateHold');
  publisher.heard(serial, true);
  const settled = publisher.settled();
  await new Promise((resolve) => setImmediate(resolve));
  await records.reinstate(serial);
  publisher.heard(serial, false);
  gate.resolve();
  await settled;
  assert.deepEqual(listed(publisher.current().full.der), []);
});

test('I7 the lists are made anew when half of their life is over, with nothing revoked', async () => {
  const authority = memoryAuthority();
  const sources = sourcesOf(authority, { clock: systemClock, life: 400 });
  using publisher = await openCrlPublisher(sources, assert.fail);
  const first = publisher.current();
  while (publisher.current().number < 3) {
    assert.ok(systemClock.now() < first.nextUpdate + 2_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const published = authority.events.filter(({ type }) => type === 'crl.published');
  assert.ok(published.length >= 3 && published.every(({ cause }) => cause === 'scheduled'));
});

test('I7 when a list cannot be signed the last one stays until it ends, and then there is none', async () => {
  const authority = memoryAuthority();
  const { records, clock, issuer } = authority;
  const { serial } = await certify(specimenOrder(), authority);
  let away = false;
  const key = {
    ...issuer.key,
    sign: (tbs: Uint8Array) => (away ? Promise.reject(new Error('away')) : issuer.key.sign(tbs)),
  };
  const said: string[] = [];
  using publisher = await openCrlPublisher(sourcesOf(authority, { issuer: { ...issuer, key } }), (line) =>
    said.push(line),
  );
  away = true;
  await records.revoke(serial, 'test', clock.now());
  publisher.heard(serial, true);
  await assert.rejects(publisher.settled(), /away/);
  assert.match(said.join(), /could not be published: away/);
  assert.equal(publisher.current().number, 1);
  clock.advance(day + 1);
  assert.throws(() => publisher.current(), { code: 'unavailable' });
  away = false;
  await publisher.settled();
  assert.deepEqual(listed(publisher.current().full.der), [serial]);
});

test('I7 the lint knows the places that a leaf names', async () => {
  const authority = memoryAuthority({ publicUrl: 'https://pki.example.internal' });
  await assert.rejects(certify(specimenOrder(), authority), { code: 'lint_failed' });
  const told = memoryAuthority({ publicUrl });
  const leaf = readCertificate((await certify(specimenOrder(), told)).der);
  assert.equal(leaf.ocspUrls.length + leaf.crlUrls.length + leaf.issuerUrls.length, 3);
});
