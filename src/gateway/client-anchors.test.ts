import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anAuthority } from '../x509/authority.fixture.ts';
import { isSignedBy, readCertificate } from '../x509/certificate.ts';
import { decodePem } from '../x509/pem.ts';
import { clientAnchors } from './client-anchors.ts';

const acme = anAuthority({ ca: { pathLength: 2 }, subjectKeyId: 'c0ffee' });
const ours = anAuthority({ subject: { commonName: 'our root' }, serial: '07' });
const domains = [
  { trustDomain: 'example.internal', authorities: [ours.der] },
  { trustDomain: 'acme.example', authorities: [acme.der] },
];
const read = (): ReturnType<typeof readCertificate>[] =>
  decodePem(clientAnchors(domains), 'CERTIFICATE').map(readCertificate);

test('I11 every authority is certified as it is, for its own trust domain alone, below an anchor', () => {
  const [anchor, first, second, ...more] = read();
  assert.deepEqual(more, []);
  const said = [first, second].map((one) => [
    one?.serial,
    one?.subjectKeyId,
    one?.pathLength,
    one?.permittedUris,
  ]);
  assert.deepEqual(said, [
    ['07', ours.subjectKeyId, null, ['example.internal']],
    ['2a', 'c0ffee', 2, ['acme.example']],
  ]);
  for (const [again, original] of [[first, ours] as const, [second, acme] as const]) {
    assert.ok(anchor && again && isSignedBy(again, anchor.publicKey));
    assert.deepEqual(again.spki, original.spki);
    assert.deepEqual(again.subjectDer, original.subjectDer);
    assert.deepEqual([again.notBefore, again.notAfter], [original.notBefore, original.notAfter]);
  }
});

test('I11 nobody can name an authority like the anchor to be: name and key are new each time', () => {
  const [[one], [two]] = [read(), read()];
  assert.match(one?.commonName ?? '', /[0-9a-f]{32}$/);
  assert.notEqual(one?.commonName, two?.commonName);
  assert.notDeepEqual(one?.spki, two?.spki);
});
