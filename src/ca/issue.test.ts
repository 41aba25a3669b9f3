import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { equalBytes, sha256Base64url } from '../kernel/bytes.ts';
import { isSignedBy, readCertificate } from '../x509/certificate.ts';
import { checkLeaf, type LeafKind, leafProfiles } from '../x509/leaf-profile.ts';
import { approve, ApprovedRequest } from './approve.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { certify } from './certify.ts';
import { issue } from './issue.ts';
import { type MemoryAuthority, memoryAuthority } from './memory-authority.ts';
import { recoverIssuance } from './recover.ts';
import { revokeName } from './revoke.ts';
import { signingKey } from './signing-key.ts';
import { specimenOrder, specimenRequest } from './specimen-request.ts';

const fault = (code: string) => ({ name: 'Fault', code });

test('I1 issues a certificate that fits its profile, is signed by the intermediate and is on record', async () => {
  const authority = memoryAuthority();
  const certificate = await certify(specimenOrder(), authority);
  const identity = checkLeaf(certificate, { trustDomain: 'example.internal', kinds: ['agent'] });
  assert.equal(identity.spiffeId.uri, 'spiffe://example.internal/agent/ci-bot');
  assert.ok(isSignedBy(certificate, authority.issuer.certificate.publicKey));
  const record = await authority.records.find(certificate.serial);
  assert.equal(record?.state, 'issued');
  assert.equal(record.tbsHash, sha256Base64url(certificate.tbs));
  assert.ok(record.der && equalBytes(record.der, certificate.der));
  assert.deepEqual(
    authority.events.map((event) => event.type),
    ['certificate.reserved', 'certificate.issued'],
  );
});

for (const kind of [
  'agent',
  'ephemeral',
  'server',
  'gateway',
  'admin',
] as const satisfies readonly LeafKind[]) {
  test(`I1 the default life of ${kind} runs from one minute ago to the end its profile says`, async () => {
    const authority = memoryAuthority();
    const now = authority.clock.now();
    const certificate = await certify(specimenOrder({ evidence: { kind } }), authority);
    assert.equal(certificate.notBefore, now - 60_000);
    assert.equal(certificate.notAfter, now + leafProfiles[kind].defaultLife);
    assert.deepEqual(
      new Set(certificate.extendedKeyUsage),
      new Set<string>(leafProfiles[kind].extendedKeyUsage),
    );
  });

  test(`I1 refuses a life of ${kind} above its cap and below a minute`, async () => {
    const authority = memoryAuthority();
    for (const requestedLife of [
      leafProfiles[kind].maximumLife + 1000,
      59_999,
      0,
      -60_000,
      Number.NaN,
      60_000.5,
    ]) {
      const order = specimenOrder({ evidence: { kind }, requestedLife });
      await assert.rejects(certify(order, authority), fault('invalid_input'));
    }
    const longest = specimenOrder({ evidence: { kind }, requestedLife: leafProfiles[kind].maximumLife });
    await certify(longest, authority);
  });
}

test('I1 a leaf never outlives its issuer, and an issuer about to end signs nothing', async () => {
  const authority = memoryAuthority();
  const end = authority.issuer.certificate.notAfter;
  authority.clock.advance(end - authority.clock.now() - 10 * 60_000);
  const certificate = await certify(specimenOrder(), authority);
  assert.equal(certificate.notAfter, end);
  authority.clock.advance(9.5 * 60_000);
  await assert.rejects(certify(specimenOrder(), authority), fault('unavailable'));
});

test('I1 refuses to issue while the clock is more than five minutes before the last issuance', async () => {
  const authority = memoryAuthority();
  authority.clock.advance(60 * 60_000);
  await certify(specimenOrder(), authority);
  authority.clock.advance(-5 * 60_000);
  await certify(specimenOrder(), authority);
  authority.clock.advance(-1);
  await assert.rejects(certify(specimenOrder(), authority), fault('clock_behind'));
});

test('I1 issues nothing for a request that only looks approved', async () => {
  const authority = memoryAuthority();
  const approved = await approve(specimenOrder(), authority);
  const copy: ApprovedRequest = Object.assign(Object.create(ApprovedRequest.prototype), approved);
  await assert.rejects(issue(copy, authority), TypeError);
  assert.throws(() => Reflect.construct(ApprovedRequest, [Symbol('approved request')]), TypeError);
});

test('I1 a signature by another key is thrown away and its serial abandoned', async () => {
  const authority = memoryAuthority();
  const other = signingKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const wrong = { ...authority, issuer: { ...authority.issuer, key: other } };
  await assert.rejects(certify(specimenOrder(), wrong), fault('lint_failed'));
  const [record] = await authority.records.list({});
  assert.equal(record?.state, 'abandoned');
  assert.equal(record.der, null);
});

test('I1 a template that breaks its profile is not signed and leaves no record', async () => {
  const authority = memoryAuthority();
  // An issuer that claims another trust domain than the one the request was approved for.
  const approved = await approve(specimenOrder(), authority);
  const mistaken = { ...authority, issuer: { ...authority.issuer, trustDomain: 'other.internal' } };
  await assert.rejects(issue(approved, mistaken), fault('lint_failed'));
  assert.deepEqual(await authority.records.list({}), []);
});

test('I1 serials are distinct, positive, never with a leading zero octet, and 16 octets long', async () => {
  const authority = memoryAuthority();
  const request = specimenRequest('ci-bot');
  await Promise.all(Array.from({ length: 300 }, () => certify(specimenOrder({ request }), authority)));
  const serials = (await authority.records.list({ state: 'issued' })).map((record) => record.serial);
  assert.equal(new Set(serials).size, 300);
  for (const serial of serials) assert.match(serial, /^(?!00)[0-7][0-9a-f]{31}$/);
});

/** Every outside step of an issuance, in order; the crash comes before or after it took effect. */
const steps = ['reserve', 'audit reserved', 'sign', 'complete', 'audit issued'] as const;
type Step = (typeof steps)[number];
interface Crash {
  readonly step: Step;
  readonly moment: 'before' | 'after';
}

/** An authority that fails at one step, and stays dead from then on as a killed process does. */
function crashing(real: MemoryAuthority, crash: Crash): CertificateAuthority {
  let dead = false;
  async function at<Value>(step: Step | null, act: () => Promise<Value>): Promise<Value> {
    if (dead) throw new Error('the process is gone');
    dead = step === crash.step && crash.moment === 'before';
    if (dead) throw new Error(`crash before ${crash.step}`);
    const value = await act();
    dead = step === crash.step;
    if (dead) throw new Error(`crash after ${crash.step}`);
    return value;
  }
  const { records, issuer, audit } = real;
  return {
    ...real,
    records: {
      reserve: (record) => at('reserve', () => records.reserve(record)),
      complete: (serial, der) => at('complete', () => records.complete(serial, der)),
      abandon: (serial) => at(null, () => records.abandon(serial)),
      find: (serial) => at(null, () => records.find(serial)),
      list: (filter) => at(null, () => records.list(filter)),
      revoke: (serial, reason, time) => at(null, () => records.revoke(serial, reason, time)),
      reinstate: (serial) => at(null, () => records.reinstate(serial)),
      listRevoked: (...which) => at(null, () => records.listRevoked(...which)),
      lastReservedAt: () => at(null, () => records.lastReservedAt()),
    },
    issuer: { ...issuer, key: { ...issuer.key, sign: (tbs) => at('sign', () => issuer.key.sign(tbs)) } },
    audit: {
      append: (event) =>
        at(event.type === 'certificate.reserved' ? 'audit reserved' : 'audit issued', () =>
          audit.append(event),
        ),
    },
  };
}

for (const step of steps) {
  for (const moment of ['before', 'after'] as const) {
    test(`I1 a crash ${moment} "${step}" gives out no certificate and no serial twice`, async () => {
      const authority = memoryAuthority();
      await certify(specimenOrder(), authority);
      await assert.rejects(certify(specimenOrder(), crashing(authority, { step, moment })));
      const abandoned = await recoverIssuance(authority);
      assert.deepEqual(await authority.records.list({ state: 'reserved' }), []);
      for (const serial of abandoned) {
        await assert.rejects(authority.records.complete(serial, new Uint8Array([1])), fault('conflict'));
      }
      await certify(specimenOrder(), authority);
      const records = await authority.records.list({});
      assert.equal(new Set(records.map((record) => record.serial)).size, records.length);
      assert.equal(records.length, step === 'reserve' && moment === 'before' ? 2 : 3);
      for (const record of records.filter((each) => each.state === 'issued')) {
        assert.ok(record.der);
        assert.equal(readCertificate(record.der).serial, record.serial);
        assert.equal(sha256Base64url(readCertificate(record.der).tbs), record.tbsHash);
      }
    });
  }
}

test('I1 a fault of the log after signing withdraws the certificate', async () => {
  const authority = memoryAuthority();
  const full: CertificateAuthority = {
    ...authority,
    audit: {
      append: async (event) => {
        if (event.type === 'certificate.issued') throw new Error('disk full');
        return authority.audit.append(event);
      },
    },
  };
  await assert.rejects(certify(specimenOrder(), full), /disk full/);
  const [record] = await authority.records.list({});
  assert.equal(record?.state, 'revoked');
});

test('I7 revoking a name reaches the certificate that is just being signed', async () => {
  const authority = memoryAuthority();
  const { key } = authority.issuer;
  const slow: CertificateAuthority = {
    ...authority,
    issuer: {
      ...authority.issuer,
      key: {
        ...key,
        async sign(tbs) {
          const revoked = await revokeName(
            { name: 'ci-bot', kinds: ['agent'], reason: 'key lost', actor: 'first-admin' },
            authority,
          );
          assert.equal(revoked.length, 1);
          return key.sign(tbs);
        },
      },
    },
  };
  await assert.rejects(certify(specimenOrder(), slow), fault('conflict'));
  const [record] = await authority.records.list({});
  assert.equal(record?.state, 'revoked');
});

test('I1 whatever name is asked for, what is issued is that name and reads back the same', async () => {
  const authority = memoryAuthority();
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?$/);
  await fc.assert(
    fc.asyncProperty(name, async (text) => {
      authority.agentStates.set(text, 'active');
      const certificate = await certify(specimenOrder({ evidence: { name: text } }), authority);
      assert.equal(certificate.commonName, text);
      assert.deepEqual(certificate.uris, [`spiffe://example.internal/agent/${text}`]);
    }),
    { numRuns: 30 },
  );
});
