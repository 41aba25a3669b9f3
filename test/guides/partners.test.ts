import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { openLegacyServer } from '../journeys/mcp-servers.ts';
import { runGuide, townFor } from './run-guide.ts';

test('I11 the commands of the guide to partners do what it says', {
  skip: missing('curl', 'openssl'),
}, async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.permit('permit (principal in Role::"builder", action, resource);');
  const admin = await mkdtemp(join(tmpdir(), 'countersign-admin-'));
  try {
    const assumed = { ...(await townFor(town, admin)), GATEWAY: town.endpoint('old') };
    await runGuide('partners', assumed, async ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /"protocolVersion":"2025-11-25"/);
      assert.match(said, /"use":"x509-svid"/);
      const call = (await town.events()).find(({ type }) => type === 'call.permitted');
      assert.equal(call?.['agent'], 'spiffe://acme.example/agent/ci-7');
      assert.deepEqual(await town.deployment.authority.partners.list(), []);
    });
  } finally {
    await rm(admin, { recursive: true, force: true });
  }
});
