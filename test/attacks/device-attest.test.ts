import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { opensslChains } from '../../src/app/authority/openssl-chains.ts';
import {
  heldKeyAttributes,
  publicAreaOf,
  type TpmDeparture,
  tpmStatement,
  writeCbor,
} from '../../src/enrol/attest/attestation.fixture.ts';
import type { DeviceName } from '../../src/enrol/attest/device-name.ts';
import { readCbor } from '../../src/enrol/attest/read-cbor.ts';
import { readTpmStatement } from '../../src/enrol/attest/tpm-statement.ts';
import { verifyAttestation } from '../../src/enrol/attest/verify-attestation.ts';
import { sha256Base64url } from '../../src/kernel/bytes.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { spkiOf } from '../../src/x509/build-certificate.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { attestationKeyExtensions, makeAttestationCa } from '../interop/attestation-ca.ts';
import { missing } from '../interop/missing.ts';
import { processorTime } from '../../src/kernel/processor-time.fixture.ts';

const skip = missing('openssl');
const folder = mkdtempSync(join(tmpdir(), 'countersign-attest-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const keyAuthorization = 'token.thumbprint';
const device: DeviceName = { type: 'permanent-identifier', value: 'SN-1000' };
const fresh = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const attestationKey = fresh();
const key = fresh();

const ca = skip ? null : makeAttestationCa(folder, 'fleet');
const rules = {
  makers: [{ name: 'fleet', format: 'tpm', roots: ca?.roots ?? '', identifiers: ['SN-*'] }],
  devices: [],
} as const;
const chains = opensslChains();

/** The certificates of an attestation key, changed as told. */
function x5c(
  change: Parameters<typeof attestationKeyExtensions>[1] = {},
  { by = ca, subject = '/', of = attestationKey, about = device.value } = {},
): readonly Uint8Array[] {
  const extensions = attestationKeyExtensions(about, change);
  return by?.issue({ publicKey: encodePem('PUBLIC KEY', spkiOf(of)), extensions, subject }) ?? [];
}

const proper = { keyAuthorization, key, attestationKey, x5c: x5c() };

function verify(
  made: Partial<typeof proper> = {},
  departure: TpmDeparture = {},
  asked: Partial<Parameters<typeof verifyAttestation>[1]> = {},
): ReturnType<typeof verifyAttestation> {
  const attStmt = tpmStatement({ ...proper, ...made }, departure);
  const object = writeCbor({ fmt: 'tpm', attStmt });
  const challenge = { token: 'token', keyAuthorization };
  return verifyAttestation(object, { challenge, device, at: Date.now(), ...asked }, { rules, chains });
}

const refused =
  (reason: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, 'attestation_refused', error.message);
    assert.match(error.message, reason);
    return true;
  };

test('I3 an attestation of a key that is in a TPM names the key, its maker and its format', {
  skip,
}, async () => {
  const keyHash = sha256Base64url(spkiOf(key));
  assert.deepEqual(await verify(), { format: 'tpm', maker: 'fleet', keyHash });
  const modules = x5c({ names: 'dirName:tpm,otherName:1.3.6.1.5.5.7.8.4;SEQUENCE:module' });
  const module: DeviceName = { type: 'hardware-module', value: 'SN-1000/1.2.3.4' };
  assert.deepEqual((await verify({ x5c: modules }, {}, { device: module })).keyHash, keyHash);
});

test('I3 refuses an attestation about anything but this challenge, this account, this device and this key', {
  skip,
}, async () => {
  const other = { token: 'token', keyAuthorization: 'token.other' };
  await assert.rejects(verify({}, {}, { challenge: other }), refused(/key authorization/));
  const later = { token: 'later', keyAuthorization: 'later.thumbprint' };
  await assert.rejects(verify({}, {}, { challenge: later }), refused(/key authorization/));
  for (const wrong of [
    { ...device, value: 'SN-1001' },
    { ...device, value: 'sn-1000' },
    { type: 'hardware-module', value: 'SN-1000' } as const,
  ]) {
    await assert.rejects(verify({}, {}, { device: wrong }), refused(/not about the/));
  }
  const unlisted = { ...device, value: 'XX-1' };
  await assert.rejects(
    verify({ x5c: x5c({}, { about: 'XX-1' }) }, {}, { device: unlisted }),
    refused(/nobody's word/),
  );
  await assert.rejects(
    verify({}, { pubArea: publicAreaOf(fresh()), about: publicAreaOf(key) }),
    refused(/another key/),
  );
});

test('I3 refuses what no attestation key of a TPM signed', { skip }, async () => {
  await assert.rejects(verify({}, { signer: fresh() }), refused(/not signed/));
  await assert.rejects(verify({}, { magic: 0xff544346 }), refused(/magic/));
  await assert.rejects(verify({}, { type: 0x8018 }), refused(/does not certify/));
  const behind = (octets: Buffer): Buffer => Buffer.concat([octets, Buffer.of(0)]);
  await assert.rejects(verify({}, { certInfo: behind }), refused(/certInfo cannot be read: .*behind/));
  await assert.rejects(verify({}, { sig: behind }), refused(/sig cannot be read: .*behind/));
  await assert.rejects(verify({}, { pubArea: behind(publicAreaOf(key)) }), refused(/pubArea cannot be read/));
  await assert.rejects(verify({}, { certInfo: (octets) => octets.subarray(0, 40) }), refused(/cut off/));
  for (const [members, reason] of [
    [{ ver: '1.2' }, /ver/],
    [{ alg: -65_535 }, /alg/],
    [{ alg: -257 }, /alg/],
    [{ alg: '-7' }, /alg/],
    [{ x5c: [] }, /x5c/],
    [{ x5c: 'none' }, /x5c/],
    [{ x5c: Array.from({ length: 9 }, () => Buffer.of(0x30, 0)) }, /x5c/],
    [{ x5c: [Buffer.of(0x30, 0)] }, /DER/],
    [{ sig: 'text' }, /sig/],
    [{ certInfo: 1 }, /certInfo/],
  ] as const) {
    await assert.rejects(verify({}, { members }), refused(reason), JSON.stringify(members));
  }
});

test('I3 refuses a key that may leave its TPM, or was not made in it', { skip }, async () => {
  for (const without of [1 << 1, 1 << 4, 1 << 5, 1 << 18]) {
    const pubArea = publicAreaOf(key, heldKeyAttributes & ~without);
    await assert.rejects(verify({}, { pubArea }), refused(/may be copied/), without.toString(16));
  }
  await assert.rejects(
    verify({}, { pubArea: publicAreaOf(key, heldKeyAttributes | (1 << 16)) }),
    refused(/restricted/),
  );
});

test('I3 refuses the certificate of an attestation key of another root, of a CA, over, or of another shape', {
  skip,
}, async () => {
  const stranger = x5c({}, { by: makeAttestationCa(folder, 'stranger') });
  await assert.rejects(verify({ x5c: stranger }), refused(/no root that counts \(fleet: /));
  const [leaf = new Uint8Array()] = proper.x5c;
  await assert.rejects(verify({ x5c: [leaf] }), refused(/no root that counts/));
  const year = 366 * 24 * 60 * 60 * 1_000;
  await assert.rejects(verify({}, {}, { at: Date.now() + year }), refused(/expired/));
  await assert.rejects(verify({}, {}, { at: Date.now() - year }), refused(/not yet valid/));
  const shapes: readonly (readonly [Parameters<typeof x5c>[0], Parameters<typeof x5c>[1], RegExp])[] = [
    [{ constraints: 'critical,CA:TRUE' }, {}, /that of a CA/],
    [{ constraints: '' }, {}, /does not say that it is no CA/],
    [{ usage: 'clientAuth' }, {}, /extended key usage/],
    [{ usage: '' }, {}, /extended key usage/],
    [{ names: '' }, {}, /no alternative names/],
    [{ names: 'otherName:1.3.6.1.5.5.7.8.3;SEQUENCE:permanent' }, {}, /manufacturer/],
    [{ tpm: ['1.2.23.133.2.1=IBM', '2.2.23.133.2.2=swtpm', '3.2.23.133.2.3=1'] }, {}, /manufacturer/],
    [{ names: 'dirName:tpm' }, {}, /not about/],
    [{}, { subject: '/CN=tpm' }, /subject/],
    [{}, { of: fresh() }, /not signed/],
    [{}, { about: 'SN-1000/1.2.3' }, /cannot be compared/],
  ];
  for (const [change, more, reason] of shapes) {
    await assert.rejects(verify({ x5c: x5c(change, more) }), refused(reason), JSON.stringify([change, more]));
  }
});

test('I3 refuses formats that are not read, and objects that are none', { skip }, async () => {
  const attStmt = tpmStatement(proper);
  const asked = { challenge: { token: 'token', keyAuthorization }, device, at: Date.now() };
  for (const object of [
    { fmt: 'none', attStmt: {} },
    { fmt: 'packed', attStmt },
    { fmt: 'constructor', attStmt },
    { fmt: 1, attStmt },
    { attStmt },
    { fmt: 'tpm' },
    { fmt: 'tpm', attStmt: [] },
    [],
  ]) {
    await assert.rejects(verifyAttestation(writeCbor(object), asked, { rules, chains }), refused(/./));
  }
});

test('I3 whatever octet of a statement is changed, it is read or refused, within 50 ms', { skip }, () => {
  const whole = writeCbor(tpmStatement(proper));
  const challenge = { token: 'token', keyAuthorization };
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, octet) => {
      const octets = Buffer.from(whole);
      octets[at] = octet;
      const before = processorTime();
      try {
        const value = readCbor(octets);
        if (value instanceof Map) readTpmStatement(value, challenge);
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
        assert.ok(
          ['attestation_refused', 'malformed_der', 'key_unacceptable'].includes(error.code),
          error.code,
        );
      }
      assert.ok(processorTime() - before < 50);
    }),
    { numRuns: 600 },
  );
});
