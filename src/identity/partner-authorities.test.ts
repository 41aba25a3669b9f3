import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { CertificateTemplate } from '../x509/build-certificate.ts';
import { anAuthority } from '../x509/authority.fixture.ts';
import { objectIdentifier, sequence, setOf, tags, text } from '../x509/der.ts';
import { oids } from '../x509/oid.ts';
import { checkPartnerAuthorities, mostAuthorities } from './partner-authorities.ts';

const now = Date.UTC(2026, 5, 1);
const { privateKey: ourKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ours = anAuthority({ subject: { commonName: 'Example  Root' } }, ourKey);
const terms = { trustDomain: 'acme.example', others: [ours], now };
const check = (...given: readonly (typeof ours)[]) => checkPartnerAuthorities(given, terms);

test('I11 takes authorities as SPIRE and plain openssl make them, and leaves out those that have ended', () => {
  const spire = anAuthority({ uris: ['spiffe://acme.example'], serial: '05' });
  const constrained = anAuthority({
    subject: { commonName: 'constrained' },
    ca: { pathLength: 1, permittedUris: ['acme.example'] },
  });
  const over = anAuthority({ notAfter: now - 1_000 });
  assert.deepEqual(check(spire, over, constrained), [spire, constrained]);
});

const refused: readonly { readonly title: string; readonly changes: Partial<CertificateTemplate> }[] = [
  { title: 'a leaf', changes: { ca: null } },
  { title: 'a key usage without keyCertSign', changes: { keyUsage: ['cRLSign'] } },
  { title: 'an extended key usage', changes: { extendedKeyUsage: ['clientAuth'] } },
  { title: 'the SPIFFE ID of another trust domain', changes: { uris: ['spiffe://acme.example.evil'] } },
  { title: 'the SPIFFE ID of our trust domain', changes: { uris: ['spiffe://example.internal'] } },
  {
    title: 'a constraint to another domain',
    changes: { ca: { pathLength: null, permittedUris: ['other.example'] } },
  },
  {
    title: 'the name and key identifier of an authority of ours',
    changes: { subject: { commonName: 'Example  Root' }, subjectKeyId: ours.subjectKeyId },
  },
  {
    title: 'the name of ours in other letters, and no key identifier',
    changes: { subject: { commonName: 'eXAMPLE rOOT' }, subjectKeyId: null },
  },
  { title: 'no key identifier', changes: { subjectKeyId: null } },
  { title: 'a name that would fill every handshake', changes: { subjectDer: longName() } },
];

for (const { title, changes } of refused) {
  test(`I11 refuses an authority with ${title}`, () => {
    assert.throws(() => check(anAuthority(changes)), { code: 'bundle_refused' });
  });
}

function longName(): Uint8Array {
  const organization = sequence(
    objectIdentifier(oids.organizationName),
    text(tags.utf8String, 'a'.repeat(60)),
  );
  return sequence(...Array.from({ length: 10 }, () => setOf(organization)));
}

test('I11 refuses the key of an authority of ours, under whatever name', () => {
  assert.throws(() => check(anAuthority({ subject: { commonName: 'other' } }, ourKey)), {
    code: 'bundle_refused',
  });
});

test('I11 refuses a key that is too small', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  assert.throws(() => check(anAuthority({}, privateKey)), { code: 'key_unacceptable' });
});

test('I11 refuses no authorities, too many, and two that nothing tells apart', () => {
  assert.throws(() => check(), { code: 'bundle_refused' });
  assert.throws(() => check(anAuthority({ notAfter: now - 1 })), { code: 'bundle_refused' });
  const many = Array.from({ length: mostAuthorities + 1 }, () => anAuthority());
  assert.throws(() => check(...many), { code: 'bundle_refused' });
  const { subjectKeyId } = ours;
  assert.throws(() => check(anAuthority({ subjectKeyId }), anAuthority({ subjectKeyId })), {
    code: 'bundle_refused',
  });
  // By their key identifiers OpenSSL tells them apart, and one key makes no difference.
  assert.equal(check(anAuthority(), anAuthority()).length, 2);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  assert.equal(check(anAuthority({}, privateKey), anAuthority({ serial: '07' }, privateKey)).length, 2);
});
