import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAcmeTown } from '../interop/acme-town.ts';
import { missing } from '../interop/missing.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl', 'openssl', 'certbot', 'lego');

test('I3 the commands of the guide to ACME do what it says', { skip, timeout: 150_000 }, async () => {
  await using at = await openAcmeTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const ports = { HTTP_PORT: String(at.httpPort), TLS_PORT: String(at.tlsPort) };
    const known = { ...(await townFor(at.town, folder)), ...ports };
    const { authority } = at.town.deployment;
    await runGuide('acme', known, async ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.ok(said.includes(new X509Certificate(at.roots).fingerprint256), 'the fingerprint of the root');
      for (const name of ['files', 'notes']) {
        const records = await authority.store.certificates.list({ name });
        assert.deepEqual(records.map(({ state }) => state).sort(), ['issued', 'revoked']);
        for (const { spiffeId } of records)
          assert.equal(spiffeId, `spiffe://example.internal/server/${name}`);
      }
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
