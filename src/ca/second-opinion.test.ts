import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assembleCertificate, buildTbs, signTbs, spkiOf } from '../x509/build-certificate.ts';
import type { Certificate } from '../x509/certificate.ts';
import { certify } from './certify.ts';
import { type MemoryAuthority, memoryAuthority } from './memory-authority.ts';
import { pemOfCertificate } from './pem-of-certificate.ts';
import { freshKey, specimenOrder } from './specimen-request.ts';
import { drawSerial } from './draw-serial.ts';

const installed = spawnSync('openssl', ['version']).status === 0;
const skip = installed ? false : 'openssl is not installed';

/** The exit code and words of `openssl verify -x509_strict` for a leaf under an authority. */
async function verify(authority: MemoryAuthority, leaf: Uint8Array, purpose: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  const write = (name: string, der: Uint8Array) => writeFile(join(folder, name), pemOfCertificate(der));
  try {
    await write('root.pem', authority.made.rootCertificate.der);
    await write('intermediate.pem', authority.made.intermediateCertificate.der);
    await write('leaf.pem', leaf);
    const time = String(authority.clock.now() / 1000);
    const options = ['-x509_strict', '-attime', time, '-purpose', purpose, '-CAfile', 'root.pem'];
    const run = spawnSync('openssl', ['verify', ...options, '-untrusted', 'intermediate.pem', 'leaf.pem'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return run.status === 0 ? 'accepted' : run.stderr;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A leaf that the intermediate signs although no approval would let it. */
function unapproved(
  authority: MemoryAuthority,
  commonName: string,
  uri: string,
  dnsNames: readonly string[],
): Uint8Array {
  const { certificate: issuer, key } = authority.issuer;
  const tbs = buildTbs(
    {
      serial: drawSerial(),
      issuerDer: issuer.subjectDer,
      subject: { commonName },
      notBefore: authority.clock.now(),
      notAfter: authority.clock.now() + 60_000,
      spki: spkiOf(freshKey()),
      ca: null,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['clientAuth'],
      uris: [uri],
      dnsNames,
      ipAddresses: [],
      authorityKeyId: issuer.subjectKeyId,
    },
    key.algorithm,
  );
  return assembleCertificate(tbs, key.algorithm, signTbs(tbs, authority.made.intermediateKey));
}

test('I1 OpenSSL in its strict mode accepts an agent, a server on loopback and a gateway', {
  skip,
}, async () => {
  const authority = memoryAuthority();
  const names = { dnsNames: ['localhost', 'files.example.internal'], ipAddresses: ['127.0.0.1', '::1'] };
  const leaves: readonly [Certificate, string][] = [
    [await certify(specimenOrder(), authority), 'sslclient'],
    [
      await certify(specimenOrder({ evidence: { kind: 'server', name: 'files', ...names } }), authority),
      'sslserver',
    ],
    [
      await certify(specimenOrder({ evidence: { kind: 'gateway', name: 'edge', ...names } }), authority),
      'sslserver',
    ],
    [
      await certify(specimenOrder({ evidence: { kind: 'gateway', name: 'edge', ...names } }), authority),
      'sslclient',
    ],
  ];
  for (const [leaf, purpose] of leaves) assert.equal(await verify(authority, leaf.der, purpose), 'accepted');
});

test('I1 OpenSSL holds what the intermediate signs to its name constraints', { skip }, async () => {
  const authority = memoryAuthority();
  const own = 'spiffe://example.internal/agent/ci-bot';
  const bad: readonly [string, string, readonly string[]][] = [
    ['ci-bot', 'spiffe://evil.example/agent/ci-bot', []],
    ['ci-bot', own, ['www.example.com']],
    // Why approve refuses such a name: it would be taken for a DNS name.
    ['ci.bot', own, []],
  ];
  assert.equal(await verify(authority, unapproved(authority, 'ci-bot', own, []), 'sslclient'), 'accepted');
  for (const [name, uri, dnsNames] of bad) {
    assert.match(
      await verify(authority, unapproved(authority, name, uri, dnsNames), 'sslclient'),
      /permitted subtree/,
    );
  }
});
