import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readIssuance } from '../../src/app/config/issuance-file.ts';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl', 'openssl');
const guide = join(import.meta.dirname, '../../docs/guides/approvals.md');

test('I3 the commands of the guide to approvals do what it says', { skip, timeout: 150_000 }, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = { ...(await townFor(town, folder)), FOLDER: town.data.folder };
    await runGuide('approvals', known, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /URI:spiffe:\/\/example\.internal\/agent\/runner-7/);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('I3 the example of the guide to approvals is a file that is read', () => {
  const example = /^```yaml\n(approvals:[\s\S]*?)^```$/m.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
  const { approvals } = readIssuance('issuance.yaml', example);
  assert.deepEqual(
    approvals.map(({ action, byAnother, kinds }) => [action, byAnother, kinds.length]),
    [
      ['pass', false, 5],
      ['wait', true, 2],
    ],
  );
});
