import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { openTown } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { run, start } from '../journeys/program.ts';

const moments = [3, 15, 40, 90, 160, 260];

interface Listed {
  readonly serial: string;
  readonly state: string;
}

test('I1 whenever the authority is killed while it issues, what it delivered is on record and no serial is used twice', async () => {
  const place = await prepare();
  const delivered: string[] = [];
  for (const milliseconds of moments) {
    const up = await start(['authority', '--folder', place.folder, '--ports', 'any', ...place.unlock]);
    await using fetch = mutualFetch(place.admin);
    const before = delivered.length;
    const url = `${up.first.listening['authority']}/v1/admin/certificate.issue`;
    const callers = [1, 2, 3, 4].map(() => issueUntilGone(url, fetch, delivered));
    while (delivered.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    up.child.kill('SIGKILL');
    await up[Symbol.asyncDispose]();
    await Promise.all(callers);
  }
  const listed = await run(['cert', 'list', '--folder', place.folder, ...place.unlock, '--json']);
  const records = JSON.parse(listed.stdout) as readonly Listed[];
  const states = new Map(records.map(({ serial, state }) => [serial, state]));
  assert.equal(new Set(delivered).size, delivered.length, 'no serial was delivered twice');
  assert.equal(states.size, records.length, 'no serial is on record twice');
  for (const serial of delivered) assert.equal(states.get(serial), 'issued', serial);
  assert.ok(!records.some(({ state }) => state === 'reserved'), 'what a kill left reserved was settled');
  const verified = await verifyAuditLog(join(place.folder, 'authority-log'));
  assert.deepEqual(verified.firstBroken, null);
  const log = await readFile(join(place.folder, 'authority-log', 'log-00000000000000000000.jsonl'), 'utf8');
  for (const serial of delivered) assert.ok(log.includes(serial), `${serial} is not in the log`);
  await rm(place.root, { recursive: true, force: true });
});

async function prepare(): Promise<{
  root: string;
  folder: string;
  unlock: string[];
  admin: Awaited<ReturnType<Awaited<ReturnType<typeof openTown>>['issue']>>;
}> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-crash-'));
  const folder = join(root, 'authority');
  const passphraseFile = join(root, 'passphrase');
  await using town = await openTown();
  await town.addAgent('ci-bot');
  const admin = await town.issue('operator', 'admin');
  await writeFile(passphraseFile, town.passphrase, { mode: 0o600 });
  await town.deployment[Symbol.asyncDispose]();
  await cp(town.data.folder, folder, { recursive: true });
  return { root, folder, unlock: ['--passphrase-file', passphraseFile], admin };
}

/** Has certificates issued one after the other until the authority is gone; keeps the serials that came back. */
async function issueUntilGone(
  url: string,
  fetch: ReturnType<typeof mutualFetch>,
  delivered: string[],
): Promise<void> {
  for (;;) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'ci-bot' }));
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'ci-bot', kind: 'agent', csr }),
      });
      const answer = (await response.json()) as { serial?: string };
      assert.equal(response.status, 200, JSON.stringify(answer));
      if (answer.serial !== undefined) delivered.push(answer.serial);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return;
    }
  }
}
