import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Base64url } from '../kernel/bytes.ts';
import { type CertificateTemplate, spkiOf } from '../x509/build-certificate.ts';
import { approve, type ApprovedRequest } from './approve.ts';
import { LintedTbs } from './linted-tbs.ts';
import { type MemoryAuthority, memoryAuthority } from './memory-authority.ts';
import { freshKey, specimenOrder } from './specimen-request.ts';

const authority = memoryAuthority();
const approved = await approve(specimenOrder({ evidence: { kind: 'server', name: 'files' } }), authority);

/** The template that `issue` would fill for an approved request. */
function filled({ issuer, clock }: MemoryAuthority, request: ApprovedRequest): CertificateTemplate {
  return {
    serial: '1f00000000000000000000000000abcd',
    issuerDer: issuer.certificate.subjectDer,
    subject: { commonName: request.name },
    notBefore: clock.now(),
    notAfter: clock.now() + 60_000,
    spki: request.spki,
    ca: null,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth'],
    uris: [request.spiffeId],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: issuer.certificate.subjectKeyId,
  };
}

const sound = filled(authority, approved);
const { certificate: issuing } = authority.issuer;

test('I1 what was linted can be taken once', () => {
  const linted = LintedTbs.lint(sound, approved, authority.issuer);
  assert.equal(linted.hash, sha256Base64url(linted.take()));
  assert.throws(() => linted.take(), TypeError);
  assert.throws(() => Reflect.construct(LintedTbs, [Symbol('linted'), new Uint8Array()]), TypeError);
});

const faulty: readonly { readonly title: string; readonly changes: Partial<CertificateTemplate> }[] = [
  { title: 'a serial with the sign bit', changes: { serial: '9f00000000000000000000000000abcd' } },
  { title: 'a serial that is too short to be random', changes: { serial: '1f' } },
  { title: 'another issuer', changes: { issuerDer: authority.made.rootCertificate.subjectDer } },
  { title: "another issuer's key", changes: { authorityKeyId: authority.made.rootCertificate.subjectKeyId } },
  {
    title: 'another identity',
    changes: { subject: { commonName: 'other' }, uris: ['spiffe://example.internal/server/other'] },
  },
  { title: 'another key', changes: { spki: spkiOf(freshKey()) } },
  { title: 'a DNS name that was not approved', changes: { dnsNames: ['localhost'] } },
  { title: 'an IP address that was not approved', changes: { ipAddresses: ['127.0.0.1'] } },
  {
    title: 'an end after that of the issuer',
    changes: { notBefore: issuing.notAfter - 60_000, notAfter: issuing.notAfter + 1000 },
  },
  { title: 'a start before that of the issuer', changes: { notBefore: issuing.notBefore - 1000 } },
  {
    title: 'a fraction of a second, which reads back differently',
    changes: { notAfter: sound.notAfter + 1 },
  },
  { title: 'CA:TRUE', changes: { ca: { pathLength: 0 } } },
  { title: 'the use of a client', changes: { extendedKeyUsage: ['clientAuth'] } },
  { title: 'a second URI', changes: { uris: [approved.spiffeId, approved.spiffeId] } },
];

for (const { title, changes } of faulty) {
  test(`I1 a template with ${title} does not pass the lint`, () => {
    assert.throws(() => LintedTbs.lint({ ...sound, ...changes }, approved, authority.issuer), {
      name: 'Fault',
      code: 'lint_failed',
    });
  });
}
