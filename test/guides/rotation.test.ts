import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'openssl');

test('I1 I6 the commands of the guide to rotation do what it says', { skip, timeout: 150_000 }, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const passphrase = join(folder, 'passphrase');
    await writeFile(passphrase, town.passphrase, { mode: 0o600 });
    const before = town.deployment.authority.issuer.chain;
    const known = { ROOT_KEY: town.data.rootKey, PASSPHRASE: passphrase, ...(await townFor(town, folder)) };
    await runGuide('rotation', known, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /renewed\/certificate\.pem: OK/);
      assert.match(said, /step: activated/);
    });
    const { issuer } = town.deployment.authority;
    assert.notEqual(issuer.chain[0]?.serial, before[0]?.serial);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
