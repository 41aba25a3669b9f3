import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../kernel/fault.ts';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  keyIdentifier,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from './build-certificate.ts';
import { type Certificate, isSignedBy, readCertificate } from './certificate.ts';
import { checkLeaf } from './leaf-profile.ts';
import { writeName } from './name.ts';
import { decodePem, encodePem } from './pem.ts';
import { buildRequest, readRequest } from './request.ts';

const start = Date.UTC(2026, 10, 23, 12);
const hour = 3_600_000;
const trustDomain = 'example.internal';
const rootKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const intermediateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const leafKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const leaf: CertificateTemplate = {
  serial: '4a01',
  issuerDer: writeName({ commonName: 'Issuing' }),
  subject: { commonName: 'bot' },
  notBefore: start,
  notAfter: start + hour,
  spki: spkiOf(leafKey),
  ca: null,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['clientAuth'],
  uris: [`spiffe://${trustDomain}/agent/bot`],
  dnsNames: [],
  ipAddresses: [],
  authorityKeyId: hex(keyIdentifier(spkiOf(intermediateKey))),
};

function make(template: CertificateTemplate, key: KeyObject): Certificate {
  const algorithm = signatureAlgorithmFor(key);
  const tbs = buildTbs(template, algorithm);
  return readCertificate(assembleCertificate(tbs, algorithm, signTbs(tbs, key)));
}

const root = make(
  {
    ...leaf,
    serial: '01',
    issuerDer: writeName({ commonName: 'Root', organization: 'Example' }),
    subject: { commonName: 'Root', organization: 'Example' },
    notAfter: start + 1_000 * hour,
    spki: spkiOf(rootKey),
    ca: { pathLength: null },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    uris: [],
    authorityKeyId: null,
  },
  rootKey,
);
const intermediate = make(
  {
    ...leaf,
    serial: '02',
    issuerDer: root.subjectDer,
    subject: { commonName: 'Issuing' },
    notAfter: start + 500 * hour,
    spki: spkiOf(intermediateKey),
    ca: { pathLength: 0, permittedUris: [trustDomain], permittedDns: [trustDomain, 'localhost'] },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    uris: [],
    authorityKeyId: root.subjectKeyId,
  },
  rootKey,
);

function openssl(words: readonly string[]): string {
  return execFileSync('openssl', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const noOpenssl = ((): string | false => {
  try {
    openssl(['version']);
    return false;
  } catch {
    if (process.env['CI']) throw new Error('openssl is missing');
    return 'the openssl command is not installed';
  }
})();

async function verify(certificate: Certificate): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    const file = async (name: string, der: Uint8Array): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, encodePem('CERTIFICATE', der));
      return path;
    };
    const ca = await file('root', root.der);
    const untrusted = await file('intermediate', intermediate.der);
    const time = String(start / 1000 + 60);
    openssl([
      'verify',
      '-x509_strict',
      '-no-CApath',
      '-no-CAstore',
      '-attime',
      time,
      '-CAfile',
      ca,
      '-untrusted',
      untrusted,
      await file('leaf', certificate.der),
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('I1 I2 openssl accepts our root, name-constrained intermediate and leaf under its strict rules', {
  skip: noOpenssl,
}, async () => {
  await verify(make(leaf, intermediateKey));
  const addressed = {
    ...leaf,
    uris: [`spiffe://${trustDomain}/server/s`],
    dnsNames: ['localhost', `a.${trustDomain}`],
    ipAddresses: ['127.0.0.1', '::1'],
  };
  await verify(make(addressed, intermediateKey));
});

test('I1 openssl refuses a leaf of another trust domain under our name constraints', {
  skip: noOpenssl,
}, async () => {
  await assert.rejects(
    verify(make({ ...leaf, uris: ['spiffe://other.example/agent/bot'] }, intermediateKey)),
    /permitted subtree violation/,
  );
  await assert.rejects(
    verify(make({ ...leaf, dnsNames: ['www.example.com'] }, intermediateKey)),
    /permitted subtree violation/,
  );
});

test('I1 reads an RSA-4096 root made with plain openssl, without a subject alternative name', {
  skip: noOpenssl,
}, async () => {
  const pem = execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:4096',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/CN=Tutorial CA',
      '-days',
      '3650',
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [der] = decodePem(pem, 'CERTIFICATE');
  assert.ok(der);
  const read = readCertificate(der);
  assert.equal(read.isCa, true);
  assert.equal(read.keyKind, 'RSA-4096');
  assert.equal(isSignedBy(read, read.publicKey), true);
});

test("Node's own reader agrees on serial, names, dates and address names", () => {
  const addressed = make(
    { ...leaf, dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', 'fe80::1:2'] },
    intermediateKey,
  );
  const theirs = new X509Certificate(addressed.der);
  assert.equal(theirs.serialNumber.toLowerCase(), addressed.serial);
  assert.equal(theirs.subject, 'CN=bot');
  assert.equal(theirs.validFromDate.getTime(), addressed.notBefore);
  assert.equal(theirs.validToDate.getTime(), addressed.notAfter);
  assert.equal(
    theirs.subjectAltName,
    'URI:spiffe://example.internal/agent/bot, DNS:localhost, IP Address:127.0.0.1, IP Address:FE80:0:0:0:0:0:1:2',
  );
  assert.deepEqual(addressed.ipAddresses, ['127.0.0.1', 'fe80::1:2']);
  assert.equal(theirs.verify(intermediate.publicKey), true);
  assert.equal(isSignedBy(addressed, intermediate.publicKey), true);
  assert.equal(isSignedBy(addressed, root.publicKey), false);
});

const expected = { trustDomain, kinds: ['agent'] } as const;

test('I2 a leaf that fits its profile gives its name and SPIFFE ID', () => {
  const identity = checkLeaf(make(leaf, intermediateKey), expected);
  assert.deepEqual([identity.kind, identity.name, identity.spiffeId.uri], ['agent', 'bot', leaf.uris[0]]);
});

const misfits: Readonly<Record<string, Partial<CertificateTemplate>>> = {
  'two URI names': { uris: [leaf.uris[0] ?? '', 'spiffe://example.internal/agent/other'] },
  'no URI name': { uris: [] },
  'a URI name that is no SPIFFE ID': { uris: ['https://example.internal/agent/bot'] },
  'the wrong extended key usage': { extendedKeyUsage: ['serverAuth'] },
  'an extended key usage too many': { extendedKeyUsage: ['clientAuth', 'serverAuth'] },
  'no extended key usage': { extendedKeyUsage: [] },
  'CA:TRUE': { ca: { pathLength: 0 } },
  'a key usage for certificates': { keyUsage: ['digitalSignature', 'keyCertSign'] },
  'another common name': { subject: { commonName: 'other' } },
  'a life over the cap': { notAfter: start + 25 * hour },
  'the path of another kind': { uris: ['spiffe://example.internal/server/bot'] },
  'a DNS name on an agent': { dnsNames: ['localhost'] },
};

for (const [what, change] of Object.entries(misfits)) {
  test(`I2 refuses a certificate with ${what}`, () => {
    const certificate = make({ ...leaf, ...change }, intermediateKey);
    assert.throws(() => checkLeaf(certificate, expected), { code: 'certificate_profile' });
  });
}

test('I2 refuses a certificate of another trust domain', () => {
  const certificate = make({ ...leaf, uris: ['spiffe://other.example/agent/bot'] }, intermediateKey);
  assert.throws(() => checkLeaf(certificate, expected), { code: 'trust_domain_mismatch' });
});

test('a request shows possession of its key and carries its names', () => {
  const read = readRequest(
    buildRequest(leafKey, { commonName: 'bot' }, { uris: leaf.uris, dnsNames: ['localhost'] }),
  );
  assert.equal(read.commonName, 'bot');
  assert.deepEqual([read.uris, read.dnsNames], [leaf.uris, ['localhost']]);
  assert.deepEqual(read.spki, leaf.spki);
});

test('refuses a request whose signature is another key’s, or whose key is too small', () => {
  const good = buildRequest(leafKey, { commonName: 'bot' });
  const forged = new Uint8Array(good);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  assert.throws(() => readRequest(forged), { code: 'request_invalid' });
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  assert.throws(() => readRequest(buildRequest(weak, { commonName: 'bot' })), { code: 'key_unacceptable' });
  assert.throws(
    () =>
      readRequest(
        buildRequest(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey, {
          commonName: 'bot',
        }),
      ),
    { code: 'key_unacceptable' },
  );
});

test('reads the requests that openssl makes', { skip: noOpenssl }, () => {
  for (const key of [['rsa:2048'], ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['ed25519']]) {
    const pem = openssl([
      'req',
      '-new',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-newkey',
      ...key,
      '-subj',
      '/O=Example/CN=bot',
      '-addext',
      'subjectAltName=DNS:localhost',
    ]);
    const [der] = decodePem(pem, 'CERTIFICATE REQUEST');
    assert.ok(der);
    assert.deepEqual([readRequest(der).commonName, readRequest(der).dnsNames], ['bot', ['localhost']]);
  }
});

test('whatever octets come, reading throws a Fault or accepts, and a changed signed part never verifies', () => {
  const good = make(leaf, intermediateKey);
  const change = fc.record({ at: fc.nat(good.der.length - 1), mask: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(change, ({ at, mask }) => {
      const bytes = new Uint8Array(good.der);
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      const read = faulty(() => readCertificate(bytes));
      if (read) assert.equal(isSignedBy(read, intermediate.publicKey), false);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(
      fc.nat(good.der.length - 1),
      (length) => faulty(() => readCertificate(good.der.subarray(0, length))) === null,
    ),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void faulty(() => readRequest(bytes))));
});

test('refuses octets behind the end and an extension that comes twice', () => {
  const good = make(leaf, intermediateKey);
  assert.throws(() => readCertificate(new Uint8Array([...good.der, 0])), { code: 'malformed_der' });
  // The key usage extension becomes a second basic constraints by one changed arc of its identifier.
  const at = Buffer.from(good.der).indexOf(Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x0f]));
  const twice = new Uint8Array(good.der);
  twice[at + 4] = 0x13;
  assert.throws(() => readCertificate(twice), { code: 'malformed_der' });
});

function faulty<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return null;
  }
}
