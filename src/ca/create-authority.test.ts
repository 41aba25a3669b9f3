import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { isSignedBy } from '../x509/certificate.ts';
import { createAuthority } from './create-authority.ts';

const clock = steppedClock(Date.UTC(2026, 10, 23, 12));
const year = 365 * 24 * 60 * 60_000;

test('I1 makes a P-256 root of ten years and an intermediate of one year that can only sign leaves', () => {
  const { rootCertificate: root, intermediateCertificate: intermediate } = createAuthority({
    trustDomain: 'example.internal',
    clock,
    organization: 'Example',
  });
  for (const certificate of [root, intermediate]) {
    assert.equal(certificate.isCa, true);
    assert.equal(certificate.keyKind, 'P-256');
    assert.deepEqual(new Set(certificate.keyUsage), new Set(['keyCertSign', 'cRLSign']));
    assert.ok(isSignedBy(certificate, root.publicKey));
  }
  assert.equal(root.notAfter, clock.now() + 10 * year);
  assert.equal(root.permittedUris, null);
  assert.equal(intermediate.notAfter, clock.now() + year);
  assert.equal(intermediate.pathLength, 0);
  assert.deepEqual(intermediate.permittedUris, ['example.internal']);
  assert.deepEqual(intermediate.permittedDns, ['example.internal', 'localhost']);
  assert.equal(intermediate.authorityKeyId, root.subjectKeyId);
  assert.ok(new X509Certificate(intermediate.der).checkIssued(new X509Certificate(root.der)));
});

test('I1 the intermediate never outlives the root', () => {
  const { rootCertificate, intermediateCertificate } = createAuthority({
    trustDomain: 'example.internal',
    clock,
    rootLife: year / 12,
  });
  assert.equal(intermediateCertificate.notAfter, rootCertificate.notAfter);
});

test('I1 refuses a trust domain that SPIFFE does not allow', () => {
  for (const trustDomain of [
    '',
    'Example.Internal',
    'example.internal/agent',
    'a b',
    'user@host',
    'host:443',
  ]) {
    assert.throws(() => createAuthority({ trustDomain, clock }), { name: 'Fault', code: 'invalid_input' });
  }
});
