import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readIssuance } from '../../src/app/config/issuance-file.ts';
import { freePort } from '../interop/free-port.ts';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl', 'openssl', 'python3');
const guide = join(import.meta.dirname, '../../docs/guides/devices.md');

test('I5 the commands of the guide to devices do what it says', { skip, timeout: 150_000 }, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const port = String(await freePort());
    const known = { ...(await townFor(town, folder)), FOLDER: town.data.folder, PORT: port };
    await runGuide('devices', known, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /asked: +1/);
      assert.match(said, /refused: +1/);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('I5 the example of the guide to devices is a file that is read', () => {
  const example = /^```yaml\n(devices:[\s\S]*?)^```$/m.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
  const { devices } = readIssuance('issuance.yaml', example);
  assert.equal(devices?.checker.type, 'webhook');
  assert.deepEqual(
    [devices.kinds, devices.withoutDevice, devices.every, devices.patience],
    [['agent', 'ephemeral'], 'refuse', 900_000, 5_000],
  );
});
