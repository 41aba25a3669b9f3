import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../kernel/clock.ts';
import { readWorkloads } from '../config/workloads-file.ts';
import { TokenIssuersFile } from './token-issuers-file.ts';

const issuers = (ca: string): string => `issuers:
  - name: cluster
    issuer: https://issuer.example.internal
    audience: countersign
    ca: ${ca}
    rules: [{ subject: "job:{name}", name: "{name}" }]
`;

test('I3 a file of workloads that names a file that is missing is read again once that is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-workloads-'));
  const strays: unknown[] = [];
  const note = (error: unknown): void => void strays.push(error);
  process.on('unhandledRejection', note);
  try {
    const [path, ca] = [join(folder, 'workloads.yaml'), join(folder, 'ca.pem')];
    await using file = new TokenIssuersFile(path, readWorkloads, systemClock);
    assert.deepEqual(await file.list(), []);
    await writeFile(ca, '');
    await writeFile(path, issuers(ca));
    assert.equal((await file.list()).length, 1);
    // Wrong from one reading to the next, with connections of the last one still to be closed.
    await writeFile(path, issuers(join(folder, 'missing.pem')));
    await assert.rejects(file.list(), /missing\.pem/);
    await assert.rejects(file.list(), /missing\.pem/);
    await writeFile(join(folder, 'missing.pem'), '');
    assert.equal((await file.list()).length, 1);
    await new Promise(setImmediate);
    assert.deepEqual(strays, []);
  } finally {
    process.off('unhandledRejection', note);
    await rm(folder, { recursive: true, force: true });
  }
});
