import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createIntermediate } from '../../src/ca/create-intermediate.ts';
import { readKeyFile } from '../../src/ca/key-file.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { assembleCertificate, buildTbs, signTbs, spkiOf } from '../../src/x509/build-certificate.ts';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { type LeafKind, leafProfiles, leafUri } from '../../src/x509/leaf-profile.ts';
import { decodePem, encodePem } from '../../src/x509/pem.ts';
import { post, rawInitialize } from '../../tour/raw-request.ts';
import { openTown, type Presentable, type Town } from '../journeys/deployment.ts';
import { openLegacyServer } from '../journeys/mcp-servers.ts';

/** A certificate that says all that another one says, for a key of our own, by a second intermediate of the root. */
async function copied(town: Town, of: Presentable, kind: LeafKind): Promise<Presentable> {
  const rootKey = await readKeyFile(town.data.rootKey, town.passphrase);
  const root = certificateIn(await readFile(town.data.rootCertificate, 'utf8'));
  const second = createIntermediate(root, rootKey, { trustDomain: 'example.internal', clock: systemClock });
  const original = certificateIn(of.cert);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = original.commonName ?? '';
  const tbs = buildTbs(
    {
      serial: original.serial,
      issuerDer: second.intermediateCertificate.subjectDer,
      subject: { commonName: name },
      notBefore: original.notBefore,
      notAfter: original.notAfter,
      spki: spkiOf(privateKey),
      ca: null,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: leafProfiles[kind].extendedKeyUsage,
      uris: [leafUri('example.internal', kind, name)],
      dnsNames: [],
      ipAddresses: [],
      authorityKeyId: second.intermediateCertificate.subjectKeyId,
    },
    'ecdsa-with-SHA256',
  );
  const leaf = assembleCertificate(tbs, 'ecdsa-with-SHA256', signTbs(tbs, second.intermediateKey));
  const chain = [leaf, second.intermediateCertificate.der].map((der) => encodePem('CERTIFICATE', der));
  return {
    ca: of.ca,
    cert: chain.join(''),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    serial: of.serial,
  };
}

function certificateIn(pem: string): Certificate {
  const [der] = decodePem(pem, 'CERTIFICATE');
  assert.ok(der);
  return readCertificate(der);
}

test('I2 T1 a certificate with the name and serial of an issued one, by another authority below the same root, is nobody', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const agent = await town.issue('ci-bot');
  assert.equal((await rawInitialize(town.endpoint('old'), agent)).status, 200);
  const reached = old.seen.length;
  const impostor = await rawInitialize(town.endpoint('old'), await copied(town, agent, 'agent'));
  assert.equal(impostor.status, 403);
  assert.match(impostor.body, /certificate_unknown/);
  assert.equal(old.seen.length, reached);

  const admin = await town.issue('operator', 'admin');
  const list = (shown: Presentable): ReturnType<typeof post> =>
    post(`${town.authorityUrl}/v1/admin/agent.list`, shown, false, {}, {});
  assert.equal((await list(admin)).status, 200);
  assert.match((await list(await copied(town, admin, 'admin'))).body, /certificate_unknown/);
});
