import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl');

test('I10 the commands of the guide to ends of certificates do what it says', {
  skip,
  timeout: 150_000,
}, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = { ...(await townFor(town, folder)), OPS: town.deployment.listeners['ops']?.url ?? '' };
    await runGuide('expiry', known, async ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /countersign_certificates_ending\{kind="ocsp",within="24h"\} 1/);
      await town.deployment.expiry.look();
      assert.deepEqual(
        await town.deployment.authority.store.alerts.list(false),
        [],
        'its renewal resolves it',
      );
      const [alert] = await town.deployment.authority.store.alerts.list(true);
      assert.deepEqual([alert?.name, alert?.state, alert?.acknowledgedBy], ['till', 'resolved', 'operator']);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
