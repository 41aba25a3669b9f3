import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'openssl', 'pki');

test('I3 the commands of the guide to SCEP do what it says', { skip, timeout: 150_000 }, async () => {
  await using town = await openTown({}, { authority: { scep: { door: 'open' } } });
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = {
      ...(await townFor(town, folder)),
      SCEP: `${town.deployment.listeners['plain']?.url}/scep`,
    };
    await runGuide('scep', known, ({ code, said, folder: made }) => {
      assert.equal(code, 0, said);
      const certificate = new X509Certificate(readFileSync(join(made, 'certificate.pem')));
      assert.equal(certificate.subjectAltName, 'URI:spiffe://example.internal/agent/press');
      assert.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(join(made, 'key.pem')))));
      const { fingerprint256 } = new X509Certificate(town.deployment.authority.describe().roots);
      assert.ok(said.includes(fingerprint256), 'the fingerprint that is compared is the one of the root');
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
