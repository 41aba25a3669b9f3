import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { steppedClock, systemClock } from '../kernel/clock.ts';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  signatureAlgorithmFor,
  signTbs,
} from '../x509/build-certificate.ts';
import { isSignedBy } from '../x509/certificate.ts';
import { certify } from './certify.ts';
import { createAuthority } from './create-authority.ts';
import { importRoot } from './import-root.ts';
import { memoryAuthority } from './memory-authority.ts';
import { pemOfCertificate } from './pem-of-certificate.ts';
import { specimenOrder } from './specimen-request.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const clock = steppedClock(Date.UTC(2026, 10, 23, 12));
const year = 365 * 24 * 60 * 60_000;
const trustDomain = 'example.internal';
const openssl = spawnSync('openssl', ['version']).status === 0;

test('I1 signs with a root made by plain openssl genrsa 4096 and req -x509', {
  skip: !openssl && 'openssl is not installed',
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    const key = join(folder, 'root.key');
    const certificate = join(folder, 'root.pem');
    const run = (...options: string[]): void => {
      const { status, stderr } = spawnSync('openssl', options, { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    };
    run('genrsa', '-out', key, '4096');
    run(
      'req',
      '-x509',
      '-new',
      '-key',
      key,
      '-days',
      '3650',
      '-subj',
      '/C=CH/O=Old Corp/CN=Old Corp Root',
      '-out',
      certificate,
    );
    const [rootCertificatePem, rootKeyPem] = await Promise.all([
      readFile(certificate, 'utf8'),
      readFile(key, 'utf8'),
    ]);
    const made = importRoot({ trustDomain, clock: systemClock, rootCertificatePem, rootKeyPem });
    assert.equal(made.rootCertificate.keyKind, 'RSA-4096');
    assert.ok(isSignedBy(made.intermediateCertificate, made.rootCertificate.publicKey));
    const now = steppedClock(systemClock.now());
    const leaf = await certify(specimenOrder(), memoryAuthority({ clock: now, made: () => made }));
    const chain = join(folder, 'intermediate.pem');
    await writeFile(chain, pemOfCertificate(made.intermediateCertificate.der));
    await writeFile(join(folder, 'leaf.pem'), pemOfCertificate(leaf.der));
    run(
      'verify',
      '-purpose',
      'sslclient',
      '-CAfile',
      certificate,
      '-untrusted',
      chain,
      join(folder, 'leaf.pem'),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

interface Given {
  readonly rootCertificatePem: string;
  readonly rootKeyPem: string;
}

const rootKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A root made elsewhere: the authority's own, rebuilt with changes. */
function given(changes: Partial<CertificateTemplate> = {}, key: KeyObject = rootKey): Given {
  const model = createAuthority({ trustDomain, clock }).rootCertificate;
  const template: CertificateTemplate = {
    serial: '1f00000000000000000000000000abcd',
    issuerDer: model.subjectDer,
    subject: { commonName: `${trustDomain} root` },
    notBefore: clock.now(),
    notAfter: clock.now() + year,
    spki: new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' })),
    ca: { pathLength: null },
    keyUsage: ['keyCertSign'],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: null,
    ...changes,
  };
  const algorithm = signatureAlgorithmFor(key);
  const tbs = buildTbs(template, algorithm);
  return {
    rootCertificatePem: pemOfCertificate(assembleCertificate(tbs, algorithm, signTbs(tbs, key))),
    rootKeyPem: key.export({ type: 'pkcs8', format: 'pem' }),
  };
}

const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const sealed = rootKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'correct horse',
});

test('I1 signs with a root whose key is encrypted, and cuts the intermediate to the end of the root', () => {
  const root = { ...given(), rootKeyPem: sealed };
  const made = importRoot({
    trustDomain,
    clock,
    ...root,
    passphrase: 'correct horse',
    intermediateLife: 2 * year,
  });
  assert.equal(made.intermediateCertificate.notAfter, made.rootCertificate.notAfter);
  assert.throws(() => importRoot({ trustDomain, clock, ...root }), fault('passphrase_required'));
  assert.throws(
    () => importRoot({ trustDomain, clock, ...root, passphrase: 'wrong' }),
    fault('passphrase_wrong'),
  );
});

const refusals: readonly { title: string; root: Given; code: string }[] = [
  { title: 'a certificate that is not a CA', root: given({ ca: null }), code: 'certificate_profile' },
  {
    title: 'a root that may sign no intermediate',
    root: given({ ca: { pathLength: 0 } }),
    code: 'certificate_profile',
  },
  {
    title: 'a root without keyCertSign',
    root: given({ keyUsage: ['cRLSign'] }),
    code: 'certificate_profile',
  },
  {
    title: 'an intermediate in place of a root',
    root: given({ subject: { commonName: 'not the issuer' } }),
    code: 'certificate_profile',
  },
  {
    title: 'a root that is over',
    root: given({ notBefore: clock.now() - year, notAfter: clock.now() - 1000 }),
    code: 'certificate_expired',
  },
  {
    title: 'a root that has not begun',
    root: given({ notBefore: clock.now() + 60_000 }),
    code: 'certificate_not_yet_valid',
  },
  {
    title: 'a root constrained to another trust domain',
    root: given({ ca: { pathLength: null, permittedUris: ['other.internal'] } }),
    code: 'invalid_input',
  },
  {
    title: 'the key of another root',
    root: { ...given(), rootKeyPem: otherKey.export({ type: 'pkcs8', format: 'pem' }) },
    code: 'invalid_input',
  },
  { title: 'a key that is none', root: { ...given(), rootKeyPem: 'nothing' }, code: 'malformed_pem' },
  {
    title: 'a certificate that is none',
    root: { ...given(), rootCertificatePem: 'nothing' },
    code: 'malformed_pem',
  },
  {
    title: 'a bundle',
    root: { ...given(), rootCertificatePem: given().rootCertificatePem.repeat(2) },
    code: 'malformed_pem',
  },
  {
    title: 'an RSA key under 2048 bits',
    root: given({}, generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
    code: 'key_unacceptable',
  },
];

for (const { title, root, code } of refusals) {
  test(`I1 refuses to import ${title}`, () => {
    assert.throws(() => importRoot({ trustDomain, clock, ...root }), fault(code));
  });
}
