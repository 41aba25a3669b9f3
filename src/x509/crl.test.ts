import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../kernel/fault.ts';
import { signatureAlgorithmFor, signTbs } from './build-certificate.ts';
import { assembleCrl, buildCrlTbs, type CrlEntry, type CrlTemplate } from './build-crl.ts';
import { type Crl, isCrlSignedBy, readCrl } from './crl.ts';
import { boolean, element, octetString, sequence } from './der.ts';
import { writeName } from './name.ts';
import { revocationReasons } from './revocation-reason.ts';
import { processorTime } from '../kernel/processor-time.fixture.ts';

const now = Date.UTC(2026, 10, 26, 11);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const template: CrlTemplate = {
  issuerDer: writeName({ commonName: 'Issuing' }),
  thisUpdate: now,
  nextUpdate: now + 86_400_000,
  number: 7,
  authorityKeyId: 'ab'.repeat(20),
  url: null,
  entries: [],
};

function make(changes: Partial<CrlTemplate> = {}): Uint8Array {
  const algorithm = signatureAlgorithmFor(privateKey);
  const tbs = buildCrlTbs({ ...template, ...changes }, algorithm);
  return assembleCrl(tbs, algorithm, signTbs(tbs, privateKey));
}

const isMalformed = (error: unknown): boolean => error instanceof Fault && error.code === 'malformed_der';

const serials = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .filter((octets) => octets[0] !== 0)
  .map((octets) => Buffer.from(octets).toString('hex'));
const entries: fc.Arbitrary<CrlEntry> = fc.record(
  {
    serial: serials,
    revokedAt: fc
      .integer({ min: Date.UTC(1990, 0) / 1_000, max: Date.UTC(2200, 0) / 1_000 })
      .map((seconds) => seconds * 1_000),
    reason: fc.constantFrom(...(Object.keys(revocationReasons) as CrlEntry['reason'][])),
  },
  { noNullPrototype: true },
);

test('I7 a CRL reads back as it was written, whatever its entries, numbers and dates', () => {
  fc.assert(
    fc.property(
      fc.array(entries, { maxLength: 20 }),
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      fc.option(fc.constantFrom('http://pki.example.internal/crl/1.crl', 'http://[::1]:8446/x')),
      (list, number, url) => {
        const crl = readCrl(make({ entries: list, number, url }));
        assert.deepEqual(crl.entries, list);
        assert.equal(crl.number, number);
        assert.deepEqual(crl.urls, url === null ? null : [url]);
        assert.equal(crl.authorityKeyId, template.authorityKeyId);
        assert.deepEqual([crl.thisUpdate, crl.nextUpdate], [template.thisUpdate, template.nextUpdate]);
      },
    ),
    { numRuns: 200 },
  );
});

test('I7 a CRL is signed by its issuer and by nobody else', () => {
  const crl = readCrl(make());
  assert.ok(isCrlSignedBy(crl, publicKey));
  assert.ok(!isCrlSignedBy(crl, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey));
});

test('I7 refuses to list what is no serial number', () => {
  for (const serial of ['', '0', '00', 'xy', '-01', 'AB', '01'.repeat(21)]) {
    assert.throws(
      () => make({ entries: [{ serial, revokedAt: now, reason: 'unspecified' }] }),
      (error) => error instanceof Fault && error.code === 'invalid_input',
      serial,
    );
  }
});

/** A list whose extensions are those of the template and one more. */
function withExtension(oid: readonly number[], critical: boolean, value: Uint8Array): Uint8Array {
  const member = sequence(
    element(0x06, new Uint8Array(oid)),
    ...(critical ? [boolean(true)] : []),
    octetString(value),
  );
  const algorithm = signatureAlgorithmFor(privateKey);
  const tbs = buildCrlTbs(template, algorithm);
  // The list of extensions is the end of the octets: [0] and SEQUENCE, both of one length octet.
  const lead = tbs.lastIndexOf(0xa0);
  const list = tbs.subarray(lead + 4);
  const grown = element(0xa0, sequence(Buffer.concat([list, member])));
  const content = Buffer.concat([tbs.subarray(2 + (tbs[1] === 0x81 ? 1 : 0), lead), grown]);
  const whole = element(0x30, content);
  return assembleCrl(whole, algorithm, signTbs(whole, privateKey));
}

test('I7 refuses a delta CRL, a list of some reasons or kinds, and what is critical and unknown', () => {
  assert.equal(readCrl(withExtension([0x55, 0x1d, 0x7f], false, element(0x05, new Uint8Array()))).number, 7);
  const delta = withExtension([0x55, 0x1d, 0x1b], true, new Uint8Array([0x02, 0x01, 0x01]));
  const unknown = withExtension([0x55, 0x1d, 0x7f], true, element(0x05, new Uint8Array()));
  const onlyUsers = withExtension([0x55, 0x1d, 0x1c], true, sequence(element(0x81, new Uint8Array([0xff]))));
  const twice = withExtension([0x55, 0x1d, 0x14], false, new Uint8Array([0x02, 0x01, 0x01]));
  for (const der of [delta, unknown, onlyUsers, twice]) assert.throws(() => readCrl(der), isMalformed);
});

test('I7 refuses a list that ends before it begins', () => {
  assert.throws(() => readCrl(make({ nextUpdate: now })), isMalformed);
});

test('bad input: a time that does not exist, and a serial that is not in its shortest form, are refused in entries as well', () => {
  const entry = {
    serial: '4a01',
    revokedAt: Date.UTC(2026, 10, 26, 11, 22, 33),
    reason: 'keyCompromise',
  } as const;
  const der = Buffer.from(make({ entries: [entry, entry] }));
  const at = der.lastIndexOf('261126112233Z');
  assert.ok(at > 0);
  for (const text of [
    '261126242233Z',
    '261126116033Z',
    '261126112260Z',
    '261131112233Z',
    '26112611223:Z',
    '2611261122330',
  ]) {
    const changed = Buffer.from(der);
    changed.write(text, at, 'latin1');
    assert.throws(() => readCrl(changed), isMalformed, text);
  }
  const long = Buffer.from(der);
  long.write('004a', der.lastIndexOf(Buffer.from('4a01', 'hex')), 'hex');
  assert.throws(() => readCrl(long), isMalformed);
});

const sample = make({
  url: 'http://pki.example.internal/crl/1.crl',
  entries: Array.from({ length: 40 }, (_, at) => ({
    serial: (at + 0x80).toString(16),
    revokedAt: now,
    reason: at % 2 === 0 ? 'keyCompromise' : 'unspecified',
  })),
});

test('bad input: whatever is done to a CRL, it is read or refused within 50 ms, and never signed any more', () => {
  const read = (octets: Uint8Array): Crl | null => {
    const began = processorTime();
    try {
      return readCrl(octets);
    } catch (error) {
      assert.ok(isMalformed(error), String(error));
      return null;
    } finally {
      assert.ok(processorTime() - began < 50);
    }
  };
  read(sample);
  fc.assert(
    fc.property(
      fc.nat(sample.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.nat(sample.length),
      (at, flip, length) => {
        const changed = Uint8Array.from(sample);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const crl = read(changed);
        assert.ok(crl === null || !isCrlSignedBy(crl, publicKey));
        assert.equal(read(sample.subarray(0, length)) === null, length < sample.length);
        assert.equal(read(Buffer.concat([sample, new Uint8Array([flip])])), null);
      },
    ),
    { numRuns: 2_000 },
  );
});
