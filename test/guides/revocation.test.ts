import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openPublishedTown } from '../interop/published-town.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl', 'openssl');

test('I7 the commands of the guide to revocation do what it says', { skip, timeout: 150_000 }, async () => {
  await using published = await openPublishedTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = { ...(await townFor(published.town, folder)), PLAIN: published.url };
    await runGuide('revocation', known, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.ok(said.includes('Response verify OK'));
      assert.ok(said.includes('certificate revoked'), 'OpenSSL refuses the revoked certificate at the end');
      assert.match(said, /Agents: kiosk\. Revoked 1 certificate\./);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
