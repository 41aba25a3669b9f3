import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { openStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { reserved } from '../contracts/certificate-records.contract.ts';
import { isFault } from '../contracts/is-fault.ts';
import { makePlace } from './issuance-place.ts';

/** Before and after: reserve, log the intent, sign, store, log the issue. */
const points = 10;

test('I1 killed before and after every act of issuing, an authority delivers nothing it has no record of and gives no serial twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-issuance-'));
  try {
    const place = await makePlace(folder);
    const delivered: string[] = [];
    const everReserved = new Set<string>();
    // In the first issuance of a process, and in the second.
    for (let at = 0; at < 2 * points; at++) {
      const before = delivered.length;
      delivered.push(...(await killedAt(place.file, at)));
      assert.equal(delivered.length - before, Math.floor(at / points), `point ${at}`);
      await using store = await openStore({ file: place.database, clock: systemClock });
      for (const { serial } of await store.certificates.list({})) everReserved.add(serial);
      await checkDelivered(store, delivered);
    }
    // The last process begins by settling what the one before left.
    delivered.push(...(await killedAt(place.file, points)));
    await using store = await openStore({ file: place.database, clock: systemClock });
    const records = await store.certificates.list({});
    const serials = records.map(({ serial }) => serial);
    assert.equal(new Set(serials).size, serials.length);
    assert.equal(new Set(delivered).size, delivered.length, 'no serial was delivered twice');
    for (const serial of everReserved) {
      await assert.rejects(store.certificates.reserve(reserved({ serial })), isFault('conflict'));
    }
    assert.ok(
      records.filter(({ state }) => state === 'reserved').length <= 1,
      'each start settles the last kill',
    );
    await checkLog(place.log, records, delivered);
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function killedAt(place: string, at: number): Promise<readonly string[]> {
  const script = join(import.meta.dirname, 'issuance-writer.ts');
  const child = spawn(process.execPath, [script, place, String(at)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const delivered: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, serial = ''] = line.split(' ');
    if (word === 'delivered') delivered.push(serial);
  }
  assert.deepEqual(await exited, [null, 'SIGKILL'], 'the writer ended only because it was killed');
  return delivered;
}

/** What was delivered is issued, whatever came after. */
async function checkDelivered(store: Store, delivered: readonly string[]): Promise<void> {
  for (const serial of delivered) assert.equal((await store.certificates.find(serial))?.state, 'issued');
}

async function checkLog(
  folder: string,
  records: readonly { readonly serial: string; readonly state: string }[],
  delivered: readonly string[],
): Promise<void> {
  assert.deepEqual((await verifyAuditLog(folder)).firstBroken, null);
  const text = await readFile(join(folder, 'log-00000000000000000000.jsonl'), 'utf8');
  const events = text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { event: { type: string; serial?: string } }).event);
  const logged = (type: string): Set<unknown> =>
    new Set(events.filter((event) => event.type === type).map(({ serial }) => serial));
  // Nothing is signed that is not in the log before.
  for (const { serial, state } of records) {
    if (state === 'issued') assert.ok(logged('certificate.reserved').has(serial), `${serial} was not logged`);
    if (state === 'abandoned')
      assert.ok(logged('certificate.refused').has(serial), `${serial} was not settled`);
  }
  for (const serial of delivered)
    assert.ok(logged('certificate.issued').has(serial), `${serial} was not logged`);
}
