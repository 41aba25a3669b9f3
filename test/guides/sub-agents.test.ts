import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'openssl');

test('I12 the commands of the guide to agents below agents do what it says', {
  skip,
  timeout: 150_000,
}, async () => {
  await using town = await openTown({}, { authority: { subAgents: 5 } });
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    await runGuide('sub-agents', await townFor(town, folder), ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /ci-bot itself is not in the roles admin/);
      assert.match(said, /Agents: ci-bot, ci-bot--fetch\. Nothing was revoked\./);
      assert.match(said, /Revoked 1 certificate\. Below it: ci-bot--fetch\.\n/);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
