import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { opensslChains } from '../../src/app/authority/openssl-chains.ts';
import { readAndroidKeyDescription } from '../../src/enrol/attest/android-key-description.ts';
import { type Writable, writeCbor } from '../../src/enrol/attest/attestation.fixture.ts';
import type { DeviceName } from '../../src/enrol/attest/device-name.ts';
import { verifyAttestation } from '../../src/enrol/attest/verify-attestation.ts';
import { sha256Base64url } from '../../src/kernel/bytes.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { spkiOf } from '../../src/x509/build-certificate.ts';
import { boolean, element, octetString, sequence, setOf, smallInteger } from '../../src/x509/der.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { makeAttestationCa } from '../interop/attestation-ca.ts';
import { missing } from '../interop/missing.ts';
import { processorTime } from '../../src/kernel/processor-time.fixture.ts';

const skip = missing('openssl');
const folder = mkdtempSync(join(tmpdir(), 'countersign-attest-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const token = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA';
const keyAuthorization = `${token}.thumbprint`;
const device: DeviceName = { type: 'permanent-identifier', value: 'C02XK1ZKJGH5' };
const fresh = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const key = fresh();
const ca = skip ? null : makeAttestationCa(folder, 'maker');
const identifiers = ['*'];
const makers = [
  { name: 'phones', format: 'apple', roots: ca?.roots ?? '', identifiers },
  { name: 'tablets', format: 'android-key', roots: ca?.roots ?? '', identifiers },
] as const;
const chains = opensslChains();

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Extensions with octets of any kind, by their identifiers. */
function issue(
  octets: Readonly<Record<string, Uint8Array | string>>,
  { constraints = 'critical,CA:FALSE', by = ca } = {},
): readonly Uint8Array[] {
  const extensions = [
    ...(constraints === '' ? [] : [`basicConstraints=${constraints}`]),
    ...Object.entries(octets).map(([oid, value]) => `${oid}=DER:${Buffer.from(value).toString('hex')}`),
  ];
  const publicKey = encodePem('PUBLIC KEY', spkiOf(key));
  return by?.issue({ publicKey, extensions, subject: '/CN=a key' }) ?? [];
}

function verify(
  fmt: string,
  attStmt: { readonly [key: string]: Writable },
  asked: Partial<Parameters<typeof verifyAttestation>[1]> = {},
): ReturnType<typeof verifyAttestation> {
  const challenge = { token, keyAuthorization };
  const order = { challenge, device, at: Date.now(), ...asked };
  return verifyAttestation(writeCbor({ fmt, attStmt }), order, { rules: { makers, devices: [] }, chains });
}

const refused =
  (reason: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, 'attestation_refused', error.message);
    assert.match(error.message, reason);
    return true;
  };

const apple = (
  change: Readonly<Record<string, Uint8Array | string>> = {},
  more: Parameters<typeof issue>[1] = {},
): { readonly x5c: Uint8Array[] } => {
  const said = {
    '1.2.840.113635.100.8.9.1': device.value,
    '1.2.840.113635.100.8.9.2': '00008030-001C2D3E4F5A6B7C',
    '1.2.840.113635.100.8.11.1': sha256(token),
    ...change,
  };
  return { x5c: [...issue(said, more)] };
};

test('I3 a key that Apple certified for this token is attested, for the serial number and the UDID', {
  skip,
}, async () => {
  const keyHash = sha256Base64url(spkiOf(key));
  const shown = { format: 'apple', maker: 'phones', keyHash };
  assert.deepEqual(await verify('apple', apple()), shown);
  const udid: DeviceName = { ...device, value: '00008030-001C2D3E4F5A6B7C' };
  assert.deepEqual(await verify('apple', apple(), { device: udid }), shown);
});

test('I3 refuses an attestation in the shape of Apple for another token, device or root, or of a CA', {
  skip,
}, async () => {
  const other = { token: 'other', keyAuthorization: 'other.thumbprint' };
  await assert.rejects(verify('apple', apple(), { challenge: other }), refused(/freshness/));
  const whole = sha256(keyAuthorization);
  await assert.rejects(verify('apple', apple({ '1.2.840.113635.100.8.11.1': whole })), refused(/freshness/));
  await assert.rejects(
    verify('apple', apple(), { device: { ...device, value: 'C02XK1ZKJGH6' } }),
    refused(/not about/),
  );
  await assert.rejects(
    verify('apple', apple({}, { constraints: 'critical,CA:TRUE' })),
    refused(/that of a CA/),
  );
  const stranger = makeAttestationCa(folder, 'stranger');
  await assert.rejects(verify('apple', apple({}, { by: stranger })), refused(/no root that counts/));
  // The word of one maker's roots is for its format alone.
  await assert.rejects(verify('tpm', apple()), refused(/ver/));
});

interface KeyDescription {
  readonly level?: number;
  readonly challenge?: Uint8Array;
  readonly origin?: number;
  readonly purpose?: number;
  readonly locked?: boolean;
  readonly state?: number;
  readonly software?: readonly Uint8Array[];
  readonly hardware?: readonly Uint8Array[];
}

const enumerated = (value: number): Uint8Array => element(0x0a, Uint8Array.of(value));

/** An explicit tag of a number that may be beyond 30. */
function tagged(number: number, value: Uint8Array): Uint8Array {
  const low = element(0xa0, value).subarray(1);
  const tag =
    number < 31 ? [0xa0 | number] : [0xbf, ...(number < 128 ? [] : [0x80 | (number >> 7)]), number & 0x7f];
  return Buffer.concat([Buffer.from(tag), low]);
}

function describe(change: KeyDescription = {}): Uint8Array {
  const { level = 1, origin = 0, purpose = 2, locked = true, state = 0 } = change;
  const boot = sequence(
    octetString(new Uint8Array(32)),
    boolean(locked),
    enumerated(state),
    octetString(new Uint8Array(32)),
  );
  const hardware = change.hardware ?? [
    tagged(1, setOf(smallInteger(purpose))),
    tagged(702, smallInteger(origin)),
    tagged(704, boot),
    tagged(713, octetString(Buffer.from(device.value))),
  ];
  return sequence(
    smallInteger(4),
    enumerated(level),
    smallInteger(41),
    enumerated(level),
    octetString(change.challenge ?? sha256(keyAuthorization)),
    octetString(new Uint8Array(0)),
    sequence(...(change.software ?? [tagged(701, smallInteger(1))])),
    sequence(...hardware),
  );
}

function android(
  change: KeyDescription = {},
  members: Readonly<Record<string, Writable>> = {},
): { readonly [key: string]: Writable } {
  const x5c = [...issue({ '1.3.6.1.4.1.11129.2.1.17': describe(change) }, { constraints: '' })];
  return { alg: -7, sig: sign('sha256', Buffer.from(keyAuthorization), key), x5c, ...members };
}

test('I3 a key of the trusted hardware of an Android device is attested for its serial number', {
  skip,
}, async () => {
  const keyHash = sha256Base64url(spkiOf(key));
  assert.deepEqual(await verify('android-key', android()), {
    format: 'android-key',
    maker: 'tablets',
    keyHash,
  });
  assert.equal((await verify('android-key', android({ level: 2 }))).keyHash, keyHash);
});

test('I3 refuses an attestation in the shape of Android that is not about this challenge, this device, or trusted hardware', {
  skip,
}, async () => {
  const other = { token: 'other', keyAuthorization: 'other.thumbprint' };
  await assert.rejects(verify('android-key', android(), { challenge: other }), refused(/sig was not made/));
  const shapes: readonly (readonly [KeyDescription, RegExp])[] = [
    [{ challenge: sha256('other') }, /challenge/],
    [{ level: 0 }, /trusted hardware/],
    [{ origin: 2 }, /came from elsewhere/],
    [{ purpose: 0 }, /does not sign/],
    [{ locked: false }, /unlocked/],
    [{ state: 2 }, /unlocked/],
    [{ software: [tagged(600, element(0x05, new Uint8Array(0)))] }, /every application/],
    [{ hardware: [] }, /came from elsewhere/],
  ];
  for (const [change, reason] of shapes) {
    await assert.rejects(verify('android-key', android(change)), refused(reason), JSON.stringify(change));
  }
  const wrong = { ...device, value: 'other' };
  await assert.rejects(verify('android-key', android(), { device: wrong }), refused(/not about/));
  const forged = sign('sha256', Buffer.from(keyAuthorization), fresh());
  await assert.rejects(verify('android-key', android({}, { sig: forged })), refused(/sig was not made/));
  await assert.rejects(verify('android-key', android({}, { alg: -257 })), refused(/alg/));
  await assert.rejects(verify('android-key', { ...android(), x5c: apple().x5c }), refused(/no extension/));
});

test('I3 whatever octet of the description of an Android key is changed, it is read or refused, within 50 ms', () => {
  const whole = describe();
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, octet, cut) => {
      const octets = Buffer.from(whole);
      octets[at] = octet;
      const before = processorTime();
      try {
        readAndroidKeyDescription(cut ? octets.subarray(0, at) : octets);
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'malformed_der', String(error));
      }
      assert.ok(processorTime() - before < 50);
    }),
    { numRuns: 2_000 },
  );
});
