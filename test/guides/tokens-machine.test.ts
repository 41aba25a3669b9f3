import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRecordedServer } from '../attacks/recorded-server.ts';
import { missing } from '../interop/missing.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl');

test('O6, O8 the commands of the guide to tokens from machine to machine do what it says, and no token stays in a log', {
  skip,
  timeout: 150_000,
}, async () => {
  await using town = await openTown();
  await using server = await openRecordedServer();
  await town.addHttpServer('files', server.url);
  await town.permit('permit (principal, action, resource);');
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = {
      ...(await townFor(town, folder)),
      GATEWAY: town.gateway.agents.url,
      FOLDER: town.data.folder,
      AGENT: await identityOf(town, 'reader', folder),
      THIEF: await identityOf(town, 'thief', folder),
    };
    await runGuide('tokens-machine', known, async ({ code, said, folder: made }) => {
      assert.equal(code, 0, said);
      const token = /Bearer ([^"]+)/.exec(await readFile(join(made, 'token.txt'), 'utf8'))?.[1] ?? '';
      assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
      const secret = token.slice(-40);
      assert.ok(server.seen.length > 0);
      assert.ok(!JSON.stringify(server.seen.map(({ headers }) => headers)).includes(secret));
      const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
      assert.ok(log.includes('"token.issued"') && log.includes('"token.ended"'));
      assert.ok(![log, said, JSON.stringify(await town.events())].some((text) => text.includes(secret)));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function identityOf(town: Town, name: string, folder: string): Promise<string> {
  await town.addAgent(name);
  const { cert, key, ca } = await town.issue(name);
  const at = join(folder, name);
  mkdirSync(at);
  writeFileSync(join(at, 'certificate.pem'), cert);
  writeFileSync(join(at, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(at, 'roots.pem'), ca);
  return at;
}
