import assert from 'node:assert/strict';
import { constants, createCipheriv, generateKeyPairSync, publicEncrypt } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../kernel/fault.ts';
import { derOfBer } from './ber.ts';
import { assembleCertificate, buildTbs, signTbs, spkiOf } from './build-certificate.ts';
import {
  contentCiphers,
  type EnvelopedData,
  openEnvelopedData,
  readEnvelopedData,
  writeEnvelopedData,
} from './cms-enveloped-data.ts';
import { readSignedData, verifySignedData, writeSignedData } from './cms-signed-data.ts';
import { readKeyCertificate, rsaKeyOf } from './cms-signer.ts';
import { element, octetString, sequence, setOf, smallInteger } from './der.ts';
import { readElements } from './der-reader.ts';
import { writeName } from './name.ts';

const key = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
const template = {
  serial: '0b',
  issuerDer: writeName({ commonName: 'client' }),
  subject: { commonName: 'client' },
  notBefore: Date.UTC(2026, 0, 1),
  notAfter: Date.UTC(2027, 0, 1),
  spki: spkiOf(key),
  ca: null,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: [],
  uris: [],
  dnsNames: [],
  ipAddresses: [],
  authorityKeyId: null,
} as const;
const tbs = buildTbs(template, 'sha256WithRSAEncryption');
const der = assembleCertificate(tbs, 'sha256WithRSAEncryption', signTbs(tbs, key));
const certificate = readKeyCertificate(der);
const octets = (length = 200) => fc.uint8Array({ maxLength: length });

/** The same in BER: indefinite lengths, and every OCTET STRING in pieces. */
function berOf(bytes: Uint8Array): Uint8Array {
  const parts = readElements(bytes).map(({ tag, content }) => {
    const end = [0, 0];
    if (tag === 0x04) {
      const half = content.length >> 1;
      const pieces = [content.subarray(0, half), content.subarray(half)].map((piece) => octetString(piece));
      return Buffer.concat([Buffer.from([0x24, 0x80]), ...pieces, Buffer.from(end)]);
    }
    if ((tag & 0x20) === 0) return Buffer.from(element(tag, content));
    return Buffer.concat([Buffer.from([tag, 0x80]), berOf(content), Buffer.from(end)]);
  });
  return Buffer.concat(parts);
}

const tree = fc.letrec<{ node: Uint8Array }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    octets(20).map((content) => octetString(content)),
    fc.nat().map((value) => smallInteger(value)),
    fc.array(tie('node'), { maxLength: 3 }).map((parts) => sequence(...parts)),
  ),
})).node;

test('I3 BER comes out as the DER it stands for, and DER as it was', () => {
  fc.assert(
    fc.property(tree, (whole) => {
      assert.deepEqual(Buffer.from(derOfBer(whole)), Buffer.from(whole));
      assert.deepEqual(Buffer.from(derOfBer(berOf(whole))), Buffer.from(whole));
    }),
  );
});

const notBer: Readonly<Record<string, Uint8Array>> = {
  nothing: new Uint8Array(),
  'octets behind the end': Buffer.from('050000', 'hex'),
  'an element that is cut off': Buffer.from('3005', 'hex'),
  'a length of five octets': Buffer.from('30850000000001', 'hex'),
  'an indefinite length without an end': Buffer.from('30800201', 'hex'),
  'an indefinite length of what has no parts': Buffer.from('04800000', 'hex'),
  'an end where nothing began': Buffer.from('30020000', 'hex'),
  'a string of pieces that are none': Buffer.from('2403020100', 'hex'),
  'an inner length beyond the outer': Buffer.from('3003040401020304', 'hex'),
  'a tag number above 30': Buffer.from('1f8101', 'hex'),
  'a thousand levels': Buffer.from('3080'.repeat(1_000) + '0000'.repeat(1_000), 'hex'),
  'ten thousand elements': sequence(Buffer.from('0500'.repeat(10_000), 'hex')),
};
for (const [what, bytes] of Object.entries(notBer)) {
  test(`I3 ${what} is no BER`, () => {
    assert.throws(() => derOfBer(bytes), { code: 'malformed_der' });
  });
}

test('I3 what is signed verifies, and with one octet changed it is malformed or does not', () => {
  const signed = writeSignedData(Buffer.from('content'), [], { certificate: der, key });
  const publicKey = rsaKeyOf(certificate);
  assert.ok(publicKey);
  assert.equal(verifySignedData(readSignedData(signed), publicKey), true);
  assert.equal(verifySignedData(readSignedData(derOfBer(berOf(signed))), publicKey), true);
  const from = Buffer.from(signed).indexOf(Buffer.from(der));
  fc.assert(
    fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      // The certificate that comes along is not signed; only its key counts.
      fc.pre(at < from || at >= from + der.length);
      const bent = Uint8Array.from(signed, (octet, index) => (index === at ? octet ^ change : octet));
      const verdict = verdictOf(() => {
        const read = readSignedData(bent);
        const bentKey = rsaKeyOf(read.certificate);
        // What was not signed: the version, the list of digests, parameters without meaning.
        const same = Buffer.from(read.signedOctets).equals(readSignedData(signed).signedOctets);
        return bentKey !== null && verifySignedData(read, bentKey) && !same;
      });
      assert.equal(verdict, false);
    }),
    { numRuns: 400 },
  );
});

test('I3 an envelope opens for its recipient, whatever cipher it has', () => {
  for (const cipher of Object.keys(contentCiphers) as (keyof typeof contentCiphers)[]) {
    const content = Buffer.from(`sealed with ${cipher}`);
    const sealed = writeEnvelopedData(content, certificate, cipher);
    for (const form of [sealed, derOfBer(berOf(sealed))]) {
      const read = readEnvelopedData(form);
      assert.equal(read.cipher, cipher);
      const opened = openEnvelopedData(read, read.recipients[0]?.encryptedKey ?? content, key);
      assert.deepEqual(Buffer.from(opened ?? []), content, cipher);
    }
  }
});

test('I3 an encrypted key with a bad padding, a wrong length or of another length than the modulus fails like a wrong key: without an error', () => {
  const read = readEnvelopedData(writeEnvelopedData(Buffer.alloc(100, 1), certificate, 'aes128-CBC'));
  const wrong = [
    Buffer.alloc(256, 3),
    Buffer.alloc(256, 0),
    Buffer.alloc(256, 255),
    Buffer.alloc(10),
    Buffer.alloc(0),
    // The key of another cipher, well padded.
    readEnvelopedData(writeEnvelopedData(Buffer.alloc(1), certificate, 'aes256-CBC')).recipients[0]
      ?.encryptedKey ?? Buffer.alloc(0),
  ];
  for (const encryptedKey of wrong) {
    const opened = openEnvelopedData(read, encryptedKey, key);
    // One in 256 random last octets is a padding.
    assert.notDeepEqual(opened && Buffer.from(opened), Buffer.alloc(100, 1));
  }
});

test('I3 only one to sixteen octets of that number are a padding', () => {
  const contentKey = Buffer.alloc(16, 7);
  const iv = Buffer.alloc(16, 9);
  const encryptedKey = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, contentKey);
  const opened = (padded: Buffer, changes: Partial<EnvelopedData> = {}): Buffer | null => {
    const cipher = createCipheriv('aes-128-cbc', contentKey, iv).setAutoPadding(false);
    const ciphertext = Buffer.concat([cipher.update(padded), cipher.final()]);
    const sealed = { recipients: [], cipher: 'aes128-CBC', iv, ciphertext, ...changes };
    const plain = openEnvelopedData(sealed, encryptedKey, key);
    return plain && Buffer.from(plain);
  };
  const block = (octet: number): Buffer => Buffer.alloc(16, octet);
  for (let length = 1; length <= 16; length++) {
    const padded = Buffer.concat([block(99), block(99).fill(length, 16 - length)]);
    assert.deepEqual(opened(padded), padded.subarray(0, 32 - length));
    if (length > 1) assert.equal(opened(padded.fill(98, 32 - length, 33 - length)), null);
  }
  for (const octet of [0, 17, 255]) assert.equal(opened(Buffer.concat([block(1), block(octet)])), null);
  const whole = block(16);
  assert.deepEqual(opened(whole), Buffer.alloc(0));
  assert.equal(opened(whole, { ciphertext: block(1).subarray(1) }), null);
  assert.equal(opened(whole, { ciphertext: new Uint8Array() }), null);
  assert.equal(opened(whole, { iv: new Uint8Array(8) }), null);
  assert.equal(opened(whole, { cipher: 'rc2' }), null);
});

test('I3 octets of strangers never crash the readers of CMS, and never hold them for 50 ms', () => {
  const signed = writeSignedData(writeEnvelopedData(Buffer.alloc(64), certificate, 'aes256-CBC'), [], {
    certificate: der,
    key,
  });
  const read = (bytes: Uint8Array): void => {
    const { content } = readSignedData(derOfBer(bytes));
    if (content) readEnvelopedData(derOfBer(content));
  };
  const bent = fc
    .array(fc.tuple(fc.nat(signed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    .map((changes) => {
      const copy = Uint8Array.from(signed);
      for (const [at, octet] of changes) copy[at] = octet;
      return copy;
    });
  const cut = fc.nat(signed.length - 1).map((length) => signed.subarray(0, length));
  const nested = fc.nat(30_000).map((count) => Buffer.from('3080'.repeat(count), 'hex'));
  const flat = fc.nat(15_000).map((count) => sequence(setOf(), Buffer.from('3000'.repeat(count), 'hex')));
  fc.assert(
    fc.property(fc.oneof(octets(400), bent, cut, nested, flat), (bytes) => {
      const taken = (): number => {
        const began = performance.now();
        verdictOf(() => {
          read(bytes);
          return true;
        });
        return performance.now() - began;
      };
      // A machine that is busy may hold anything up, but not three times running.
      assert.ok(taken() < 50 || taken() < 50 || taken() < 50);
    }),
    { numRuns: 1_000 },
  );
});

/** What a reading comes to; a Fault of bad octets is false, and anything else thrown is a crash. */
function verdictOf(read: () => boolean): boolean {
  try {
    return read();
  } catch (error) {
    if (error instanceof Fault && ['malformed_der', 'key_unacceptable'].includes(error.code)) return false;
    throw error;
  }
}
