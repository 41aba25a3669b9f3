import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTown } from '../journeys/deployment.ts';
import { openScriptedServer } from '../journeys/scripted-server.ts';
import { runGuide, townFor } from './run-guide.ts';

test('A6 the guide to flow rules does what it says: labels, rules, a refusal that names the earlier call, a new task', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-flow-guide-'));
  try {
    const script = { 'tools/call': { resultType: 'complete', content: [] } };
    await using files = await openScriptedServer(script);
    await using mail = await openScriptedServer(script);
    await using town = await openTown({ approvalWaitMilliseconds: 0 });
    await town.addHttpServer('files', files.url);
    await town.addHttpServer('mail', mail.url);
    await town.addAgent('ci-bot', ['assistant']);
    const agent = join(folder, 'agent');
    mkdirSync(agent);
    const { cert, key, ca } = await town.issue('ci-bot');
    writeFileSync(join(agent, 'certificate.pem'), cert);
    writeFileSync(join(agent, 'key.pem'), key, { mode: 0o600 });
    writeFileSync(join(agent, 'roots.pem'), ca);
    const where = { POLICIES: town.data.policies, AGENT: agent, GATEWAY: town.gateway.agents.url };
    await runGuide('flow-rules', { ...(await townFor(town, folder)), ...where }, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /Permitted by assistants/);
      assert.match(said, /private-to-public/);
      assert.match(said, /What ci-bot used for anybody until now counts no longer\./);
    });
    assert.equal(mail.asked.filter(({ method }) => method === 'tools/call').length, 2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
