import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openAskingTown } from '../journeys/asking-town.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl');

test('A4 the commands of the guide to approvals of calls do what it says', {
  skip,
  timeout: 150_000,
}, async () => {
  await using asking = await openAskingTown();
  const { town } = asking;
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    await town.permit('// The guide writes its own.\n');
    await town.addAgent('ci-bot');
    const { cert, key, ca } = await town.issue('ci-bot');
    const agent = join(folder, 'agent');
    mkdirSync(agent);
    writeFileSync(join(agent, 'certificate.pem'), cert);
    writeFileSync(join(agent, 'key.pem'), key, { mode: 0o600 });
    writeFileSync(join(agent, 'roots.pem'), ca);
    const places = { FOLDER: town.data.folder, AGENT: agent, GATEWAY: town.gateway.agents.url };
    await runGuide('call-approvals', { ...(await townFor(town, folder)), ...places }, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /2 passed, 0 failed/);
      assert.match(said, /refused\b/);
    });
    assert.equal(asking.paid(), 2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
