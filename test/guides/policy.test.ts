import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash');

test('A3 the commands of the guide to policies do what it says', { skip, timeout: 150_000 }, async () => {
  await using town = await openTown({}, { authority: { widerPolicies: 'wait' } });
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = { ...(await townFor(town, folder)), FOLDER: town.data.folder };
    await runGuide('policy', known, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /10 passed, 0 failed/);
      assert.match(said, /give the agent the role "operator" \(then somebody is asked\)/);
      assert.match(said, /Approved: these policies are in force\.[\s\S]*No policies wait\./);
    });
    const ids = town.gateway.view.policies().policies.map(({ id }) => id);
    assert.ok(ids.includes('guests-read-public'), ids.join());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
