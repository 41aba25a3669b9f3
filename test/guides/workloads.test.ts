import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readWorkloads } from '../../src/app/config/workloads-file.ts';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';

const skip = missing('bash', 'curl', 'openssl');
const guide = join(import.meta.dirname, '../../docs/guides/workloads.md');

test('I3 the commands of the guide to workloads do what it says', { skip, timeout: 150_000 }, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = { ...(await townFor(town, folder)), FOLDER: town.data.folder };
    await runGuide('workloads', known, ({ code, said, folder: made }) => {
      assert.equal(code, 0, said);
      const { subjectAltName } = new X509Certificate(readFileSync(join(made, 'certificate.pem')));
      assert.equal(subjectAltName, 'URI:spiffe://example.internal/agent/press');
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('I3 the example of the guide to workloads is a file that is read', () => {
  const example = /^```yaml\n(issuers:[\s\S]*?)^```$/m.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
  const issuers = readWorkloads('workloads.yaml', example);
  assert.deepEqual(
    issuers.map(({ name, once, rules }) => [name, once, rules.map(({ kind }) => kind)]),
    [
      ['cluster', false, ['agent', 'gateway']],
      ['ci', true, ['ephemeral']],
      ['spire', true, ['agent']],
    ],
  );
});
