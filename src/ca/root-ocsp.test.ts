import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { readCertificate } from '../x509/certificate.ts';
import { readOcspResponse } from '../x509/ocsp-response.ts';
import { createAuthority, type NewAuthority } from './create-authority.ts';
import { isAskedOfRoot, readRootAnswer, signRootOcsp } from './root-ocsp.ts';
import { rootCrlLife } from './root-crl.ts';
import { signingKey } from './signing-key.ts';

const clock = steppedClock(1_800_000_000_000);
const authority = createAuthority({ trustDomain: 'example.internal', clock });
const { rootCertificate: root } = authority;
const { serial } = authority.intermediateCertificate;

const signed = (of: NewAuthority = authority, revoked: readonly string[] = []) =>
  signRootOcsp(
    {
      root: of.rootCertificate,
      intermediates: [serial],
      entries: revoked.map((each) => ({ serial: each, revokedAt: clock.now(), reason: 'cACompromise' })),
      now: clock.now(),
    },
    signingKey(of.rootKey),
  );

test('I7 a root says of each intermediate what its CRL says, under both hashes that clients ask under', async () => {
  const answers = (await signed(authority, ['0c0ffee0c0ffee00'])).map((der) => readRootAnswer(der, root));
  assert.deepEqual(
    answers.map((answer) => [answer?.asked.hashAlgorithm, answer?.asked.serial, answer?.status.kind]),
    [
      ['sha1', serial, 'good'],
      ['sha256', serial, 'good'],
      ['sha1', '0c0ffee0c0ffee00', 'revoked'],
      ['sha256', '0c0ffee0c0ffee00', 'revoked'],
    ],
  );
  for (const answer of answers) {
    assert.equal(answer?.nextUpdate, clock.now() + rootCrlLife);
    assert.ok(answer && isAskedOfRoot(answer.asked, root));
  }
});

test('I7 nobody keeps the key that says so: each time another signs, for OCSP alone and in nobody’s name', async () => {
  const responders = await Promise.all(
    [await signed(), await signed()].map(async ([der = new Uint8Array()]) => {
      const response = readOcspResponse(der);
      return readCertificate((typeof response === 'object' && response.certificates[0]) || new Uint8Array());
    }),
  );
  const [one, other] = responders;
  assert.notDeepEqual(one?.spki, other?.spki);
  assert.deepEqual(one?.extendedKeyUsage, ['OCSPSigning']);
  assert.deepEqual(one?.keyUsage, ['digitalSignature']);
  assert.deepEqual([one?.isCa, one?.ocspNoCheck, one?.uris.length], [false, true, 0]);
});

test('I7 what another root signed, what was changed and what is no response is nothing', async () => {
  const stranger = createAuthority({ trustDomain: 'example.internal', clock });
  const [der = new Uint8Array()] = await signed(stranger);
  assert.equal(readRootAnswer(der, root), null);
  assert.equal(readRootAnswer(new Uint8Array([0x30, 0]), root), null);
  const [own = new Uint8Array()] = await signed();
  for (let at = 0; at < own.length; at += 7) {
    const changed = own.map((octet, index) => (index === at ? octet ^ 1 : octet));
    assert.equal(readRootAnswer(changed, root), null, `octet ${at}`);
  }
});

test('RFC 6960 §4.2.2.2: an intermediate, and its own responder, cannot speak for the root', async () => {
  const { intermediateCertificate, intermediateKey } = authority;
  const [der = new Uint8Array()] = await signRootOcsp(
    { root: intermediateCertificate, intermediates: [serial], entries: [], now: clock.now() },
    signingKey(intermediateKey),
  );
  assert.equal(readRootAnswer(der, root), null);
  assert.ok(readRootAnswer(der, intermediateCertificate));
});
