import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import type { DrillReport } from './drill/drill-town.ts';

const skip = missing('faketime');

/** Where libfaketime is, as its own command says. */
function library(): string {
  return spawnSync('faketime', ['-m', '-f', '+0', 'sh', '-c', 'printf %s "$LD_PRELOAD"'], {
    encoding: 'utf8',
  }).stdout;
}

/** Runs a file of ours in a time of its own. */
async function inOwnTime(file: string): Promise<{ readonly out: string; readonly errors: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-time-'));
  const timeFile = join(folder, 'time');
  await writeFile(timeFile, '+0\n');
  const env = {
    ...process.env,
    LD_PRELOAD: library(),
    FAKETIME_TIMESTAMP_FILE: timeFile,
    // Every process sees a step at the same moment, and how long something takes stays what it is.
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  try {
    return await new Promise((resolve) => {
      execFile(process.execPath, [file], { env, timeout: 120_000 }, (_error, out, errors) => {
        resolve({ out, errors });
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('I1 I6 no call fails while agents renew four times and the root is replaced, with calls through two gateways all the time', {
  skip,
  timeout: 150_000,
}, async (context) => {
  const { out, errors } = await inOwnTime(join(import.meta.dirname, 'drill/drill-town.ts'));
  assert.match(out, /^\{/, errors);
  const report = JSON.parse(out) as DrillReport;
  context.diagnostic(out.trim());
  assert.deepEqual(report.failures, []);
  assert.ok(report.calls > 200, `${report.calls} calls`);
  assert.deepEqual(report.renewals, [4, 4]);
  assert.deepEqual(report.roots, [1, 1], 'the old root is trusted no more');
  assert.ok(report.rootChanged);
  assert.ok(report.hours > 2 && report.hours < 3, `${report.hours} h`);
});
