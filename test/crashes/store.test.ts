import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { reserved } from '../contracts/certificate-records.contract.ts';
import { isFault } from '../contracts/is-fault.ts';

/** After how many durable acts each writer is killed: before it begins, in its first steps, and anywhere later. */
const killedAfter = [0, 1, 2, 3, 7, 20, 61, 150];

test('kill -9 of a writer loses no serial that was reported durable and gives none twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  const file = join(folder, 'state.db');
  try {
    const told: string[] = [];
    for (const [round, after] of killedAfter.entries()) {
      told.push(...(await killWriter(file, round, after)));
      await using store = await openStore({ file, clock: systemClock });
      await checkTold(store, told);
      await checkChanges(store);
    }
    assert.ok(told.length >= killedAfter.reduce((sum, after) => sum + after));
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function killWriter(file: string, round: number, after: number): Promise<readonly string[]> {
  const prefix = (0x10 + round).toString(16);
  const script = join(import.meta.dirname, 'store-writer.ts');
  const child = spawn(process.execPath, [script, file, String(round), prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const told: string[] = [];
  if (after === 0) child.kill('SIGKILL');
  for await (const line of createInterface({ input: child.stdout })) {
    told.push(line);
    if (told.length === after) child.kill('SIGKILL');
  }
  const [code, signal] = (await exited) as [number | null, string | null];
  assert.deepEqual([code, signal], [null, 'SIGKILL'], 'the writer ended only because it was killed');
  return told;
}

/** What was reported is there, and its serial cannot be had again. */
async function checkTold(store: Store, told: readonly string[]): Promise<void> {
  for (const line of told) {
    const [act = '', serial = ''] = line.split(' ');
    const record = await store.certificates.find(serial);
    assert.ok(record, `${line} is missing`);
    if (act === 'issued') assert.deepEqual([record.state, record.der?.length], ['issued', 900]);
    await assert.rejects(store.certificates.reserve(reserved({ serial })), isFault('conflict'));
  }
}

/** A change is in the feed exactly when it is in its table. */
async function checkChanges(store: Store): Promise<void> {
  const changes = await store.changes.since(0);
  const reservations = changes.filter(({ value }) => value === null).map(({ key }) => key);
  const issues = changes.filter(({ value }) => value !== null).map(({ key }) => key);
  const all = await store.certificates.list({});
  const issued = await store.certificates.list({ state: 'issued' });
  assert.deepEqual(reservations.sort(), all.map(({ serial }) => serial).sort());
  assert.deepEqual(issues.sort(), issued.map(({ serial }) => serial).sort());
  assert.equal(new Set(changes.map(({ sequence }) => sequence)).size, changes.length);
}
