import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { agentFor, runGuide, townFor } from './run-guide.ts';

test('S3 the commands of the guide to a server within walls do what it says', {
  skip: missing('bash', 'curl', 'bwrap'),
  timeout: 200_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const documents = join(folder, 'documents');
  await mkdir(documents);
  await chmod(documents, 0o777);
  await writeFile(join(documents, 'report.txt'), 'the report of the year');
  const secret = join(folder, 'secret.txt');
  await writeFile(secret, 'what nobody is to read');
  const town = opened.use(await openTown());
  await town.permit('permit (principal, action, resource);');
  const known = {
    ...(await townFor(town, folder)),
    GATEWAY: town.gateway.agents.url,
    AGENT: await agentFor(town, 'ci-bot', folder),
    NODE: process.execPath,
    PACKAGES: join(import.meta.dirname, '../../node_modules'),
    DOCUMENTS: documents,
    SECRET: secret,
  };
  await runGuide('isolation', known, ({ code, said }) => {
    assert.equal(code, 0, said);
    assert.ok(!said.includes('what nobody is to read'));
  });
});
