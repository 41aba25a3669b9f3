import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash');

test('I9 the commands of the guide to the log of issuances do what it says', {
  skip,
  timeout: 150_000,
}, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    await runGuide('issuance-log', await townFor(town, folder), ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /"alert":"certificate-unexpected".*"name":"ci-bot".*"door":"admin"/);
      assert.match(
        said,
        /The certificate [0-9a-f]+ of spiffe:\/\/example\.internal\/agent\/ci-bot is in the log/,
      );
      assert.match(said, /The log goes on from the known checkpoint of \d+ entries\./);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
