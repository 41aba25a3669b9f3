import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../kernel/fault.ts';
import { signatureAlgorithmFor, signTbs } from './build-certificate.ts';
import { boolean, element, explicit, objectIdentifier, octetString, sequence, tags } from './der.ts';
import { buildOcspRequest, readOcspRequest, writeCertId } from './ocsp-request.ts';
import {
  assembleOcsp,
  buildOcspTbs,
  isOcspSignedBy,
  type OcspStatus,
  readOcspResponse,
  refuseOcsp,
} from './ocsp-response.ts';
import { revocationReasons } from './revocation-reason.ts';
import { processorTime } from '../kernel/processor-time.fixture.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const now = Date.UTC(2026, 10, 26, 11);
const isMalformed = (error: unknown): boolean => error instanceof Fault && error.code === 'malformed_der';
const certIdOf = (serial: string): Uint8Array =>
  writeCertId({
    hashAlgorithm: 'sha256',
    issuerNameHash: new Uint8Array(32).fill(1),
    issuerKeyHash: new Uint8Array(32).fill(2),
    serial,
  });
const serials = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .filter((octets) => octets[0] !== 0)
  .map((octets) => Buffer.from(octets).toString('hex'));

test('I7 an OCSP request reads back as it was written, whatever its serials and nonce', () => {
  fc.assert(
    fc.property(
      fc.array(serials, { minLength: 1, maxLength: 16 }),
      fc.option(fc.uint8Array({ minLength: 1, maxLength: 128 })),
      (list, nonce) => {
        const read = readOcspRequest(buildOcspRequest(list.map(certIdOf), nonce));
        assert.deepEqual(
          read.questions.map(({ serial }) => serial),
          list,
        );
        assert.deepEqual(read.nonce && [...read.nonce], nonce && [...nonce]);
        assert.equal(read.questions[0]?.hashAlgorithm, 'sha256');
        assert.equal(read.questions[0]?.issuerKeyHash, '02'.repeat(32));
      },
    ),
    { numRuns: 200 },
  );
});

test('bad input: an OCSP request without a question, with too many, too large or with a nonce of a wrong length is refused', () => {
  const one = certIdOf('01');
  const long = buildOcspRequest([one], new Uint8Array(128));
  assert.equal(readOcspRequest(long).nonce?.length, 128);
  const wrong = [
    buildOcspRequest([]),
    buildOcspRequest(Array.from({ length: 17 }, () => one)),
    buildOcspRequest([one], new Uint8Array()),
    buildOcspRequest([one], new Uint8Array(129)),
    buildOcspRequest([one], new Uint8Array(9_000)),
  ];
  for (const request of wrong) assert.throws(() => readOcspRequest(request), isMalformed);
});

test('bad input: what is critical in an OCSP request and not known is refused, what is not critical is passed over', () => {
  const withExtension = (critical: boolean): Uint8Array => {
    const unknown = sequence(
      objectIdentifier('1.2.3.4'),
      ...(critical ? [boolean(true)] : []),
      octetString(element(tags.null, new Uint8Array())),
    );
    return sequence(sequence(sequence(sequence(certIdOf('01'))), explicit(2, sequence(unknown))));
  };
  assert.equal(readOcspRequest(withExtension(false)).questions.length, 1);
  assert.throws(() => readOcspRequest(withExtension(true)), isMalformed);
});

function make(status: OcspStatus, nonce: Uint8Array | null = null): Uint8Array {
  const tbs = buildOcspTbs({
    responderKeyHash: new Uint8Array(20).fill(3),
    producedAt: now,
    answers: [
      { certId: certIdOf('0badcafe'), status, thisUpdate: now - 60_000, nextUpdate: now + 3_600_000 },
    ],
    nonce,
  });
  const certificate = sequence(element(tags.null, new Uint8Array()));
  return assembleOcsp(tbs, signatureAlgorithmFor(privateKey), signTbs(tbs, privateKey), certificate);
}

const statuses: readonly OcspStatus[] = [
  { kind: 'good' },
  { kind: 'unknown' },
  ...Object.keys(revocationReasons).map((reason) => ({
    kind: 'revoked' as const,
    at: now - 5_000,
    reason: reason as keyof typeof revocationReasons,
  })),
];

test('I7 an OCSP response reads back as it was written, for every status and reason', () => {
  for (const status of statuses) {
    const response = readOcspResponse(make(status, new Uint8Array([7, 8])));
    assert.ok(typeof response === 'object');
    assert.deepEqual(response.answers[0]?.status, status);
    assert.deepEqual(response.answers[0]?.certId, certIdOf('0badcafe'));
    assert.deepEqual(response.nonce && [...response.nonce], [7, 8]);
    assert.equal(response.producedAt, now);
    assert.equal(response.certificates.length, 1);
    assert.ok(isOcspSignedBy(response, publicKey));
  }
  for (const refusal of ['malformedRequest', 'internalError', 'tryLater', 'unauthorized'] as const) {
    assert.equal(readOcspResponse(refuseOcsp(refusal)), refusal);
  }
});

const request = buildOcspRequest([certIdOf('0badcafe'), certIdOf('01')], new Uint8Array(32));
const response = make({ kind: 'revoked', at: now, reason: 'keyCompromise' }, new Uint8Array(32));

for (const { name, octets, read } of [
  { name: 'request', octets: request, read: readOcspRequest },
  { name: 'response', octets: response, read: readOcspResponse },
]) {
  test(`bad input: whatever is done to an OCSP ${name}, it is read or refused within 50 ms`, () => {
    const attempt = (changed: Uint8Array): unknown => {
      const began = processorTime();
      try {
        return read(changed);
      } catch (error) {
        assert.ok(isMalformed(error), String(error));
        return null;
      } finally {
        assert.ok(processorTime() - began < 50);
      }
    };
    attempt(octets);
    fc.assert(
      fc.property(
        fc.nat(octets.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(octets.length),
        (at, flip, length) => {
          const changed = Uint8Array.from(octets);
          changed[at] = (changed[at] ?? 0) ^ flip;
          attempt(changed);
          assert.equal(attempt(octets.subarray(0, length)) === null, length < octets.length);
          assert.equal(attempt(Buffer.concat([octets, new Uint8Array([flip])])), null);
        },
      ),
      { numRuns: 2_000 },
    );
  });
}

test('bad input: no octets make the readers of DER crash or take 50 ms', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(0x30, 0x31, 0xa0), (octets, tag) => {
      for (const read of [readOcspRequest, readOcspResponse]) {
        const began = processorTime();
        assert.throws(() => read(element(tag, octets)), isMalformed);
        assert.ok(processorTime() - began < 50);
      }
    }),
    { numRuns: 2_000 },
  );
});
