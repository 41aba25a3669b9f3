import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Cosigner, cosigner, readWitnessKey } from '../audit/cosignature.ts';
import type { AuditEvent } from '../audit/events.ts';
import type { AuditLog } from '../audit/log.ts';
import { LogReader } from '../audit/log-reader.ts';
import { appendCalls, openLog, origin, signer, temporaryFolder } from '../audit/log.fixture.ts';
import { verifyAuditLog } from '../audit/verify.ts';
import { Witness } from '../audit/witness.ts';
import { witnessFolder } from '../audit/witness-folder.ts';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { until } from './exporter.fixture.ts';
import { type WitnessDoor, Witnessing } from './witnessing.ts';

const own = cosigner('witness.example/w1', generateKeyPairSync('ed25519').privateKey);
const key = readWitnessKey(own.vkey);

function witnessIn(folder: string, by: Cosigner = own): Witness {
  return new Witness({
    cosigner: by,
    records: witnessFolder(folder),
    clock: systemClock,
    keysOf: async (asked) => (asked === origin ? [signer.publicKey] : []),
  });
}

function doorTo(witness: Witness): WitnessDoor & { down: boolean } {
  const door = {
    down: false,
    introduce: null,
    addCheckpoint: async (body: string) => {
      if (door.down) throw new Fault('unavailable', 'It is down.');
      return await witness.addCheckpoint(body);
    },
  };
  return door;
}

function asking(folder: string, log: AuditLog, door: WitnessDoor, more: Partial<{ key: typeof key }> = {}) {
  const events: AuditEvent[] = [];
  const reader = new LogReader({ folder, origin, publicKey: signer.publicKey, sign: () => log.checkpoint() });
  const witnessing = new Witnessing({
    name: 'w1',
    key,
    door,
    reader,
    folder,
    clock: systemClock,
    milliseconds: 2,
    record: (event) => void events.push(event),
    log: () => undefined,
    ...more,
  });
  return { witnessing, events };
}

const never = { checkpointMilliseconds: 3_600_000 };

test('S4 a witness signs a log as it grows, and the newest signature stands beside it', async () => {
  await using folder = await temporaryFolder();
  await using memory = await temporaryFolder();
  await using log = await openLog(folder.path, never);
  await using stack = new AsyncDisposableStack();
  const { witnessing, events } = asking(folder.path, log, doorTo(witnessIn(memory.path)));
  stack.use(witnessing);
  for (const size of [1, 6, 2_506]) {
    await until(() => witnessing.status().size === size);
    await Promise.all(
      Array.from({ length: size === 1 ? 5 : 2_500 }, (_, at) => log.append({ type: 'call.permitted', at })),
    );
  }
  await until(() => witnessing.status().size === 5_006);
  await witnessing[Symbol.asyncDispose]();
  assert.deepEqual(events, []);
  const verified = await verifyAuditLog(folder.path, { publicKey: signer.publicKey, witnesses: [key] });
  assert.equal(verified.firstBroken, null);
  assert.deepEqual(
    verified.witnessed.map(({ witness, size }) => [witness, size]),
    [['witness.example/w1', 5_006]],
  );
  const note = await readFile(join(folder.path, 'witnessed/w1.note'), 'utf8');
  assert.match(
    note,
    /^example\.internal\/gateway\n5006\n[^\n]+\n\n— example\.internal\/gateway [^\n]+\n— witness\.example\/w1 [^\n]+\n$/,
  );
});

test('S4 a log that its own root rewrites with the key of the log is found, by the witness and by whoever verifies with its key', async () => {
  await using folder = await temporaryFolder();
  await using memory = await temporaryFolder();
  const witness = witnessIn(memory.path);
  const honest = await openLog(folder.path, never);
  await appendCalls(honest, 9);
  const first = asking(folder.path, honest, doorTo(witness));
  await until(() => first.witnessing.status().size === 10);
  await first.witnessing[Symbol.asyncDispose]();
  await honest[Symbol.asyncDispose]();

  // As many entries, another third one, linked, hashed and signed with the key that root has.
  await using forged = await temporaryFolder();
  const liar = await openLog(forged.path, never);
  await appendCalls(liar, 1);
  await liar.append({ type: 'call.refused', agent: 'somebody-else', at: 1 });
  await appendCalls(liar, 12);
  await liar.checkpoint();
  await cp(join(folder.path, 'witnessed'), join(forged.path, 'witnessed'), { recursive: true });
  assert.equal(
    (await verifyAuditLog(forged.path, { publicKey: signer.publicKey })).ok,
    true,
    'alone it verifies',
  );
  const options = { publicKey: signer.publicKey, witnesses: [key] };
  const found = await verifyAuditLog(forged.path, options);
  assert.equal(found.ok, false);
  assert.match(
    found.firstBroken?.reason ?? '',
    /do not give the root that the checkpoint over 10 entries signs/,
  );

  // Without the signature that does not fit there is none that is asked for.
  await rm(join(forged.path, 'witnessed'), { recursive: true });
  const missing = await verifyAuditLog(forged.path, options);
  assert.match(missing.firstBroken?.reason ?? '', /signature of the witness witness\.example\/w1/);

  // And the witness signs it no more.
  const { witnessing, events } = asking(forged.path, liar, doorTo(witness));
  await until(() => witnessing.status().problem !== null);
  assert.match(witnessing.status().problem ?? '', /answers 422/);
  assert.equal(events[0]?.type, 'witness.refused');
  await witnessing[Symbol.asyncDispose]();
  await liar[Symbol.asyncDispose]();
});

test('S4 a log that was cut back is found by the witness, whatever was removed with it', async () => {
  await using folder = await temporaryFolder();
  await using memory = await temporaryFolder();
  const witness = witnessIn(memory.path);
  const log = await openLog(folder.path, never);
  await appendCalls(log, 9);
  const first = asking(folder.path, log, doorTo(witness));
  await until(() => first.witnessing.status().size === 10);
  await first.witnessing[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
  await using shorter = await temporaryFolder();
  await using cut = await openLog(shorter.path, never);
  await appendCalls(cut, 3);
  const { witnessing, events } = asking(shorter.path, cut, doorTo(witness));
  await until(() => events.length > 0);
  await witnessing[Symbol.asyncDispose]();
  assert.equal(events[0]?.type, 'witness.refused');
  assert.match(JSON.stringify(events[0]), /signed 10 entries of this log, which has 4/);
});

test('S4 a witness that is down is told of once and asked again, and one with another key has signed nothing', async () => {
  await using folder = await temporaryFolder();
  await using memory = await temporaryFolder();
  await using log = await openLog(folder.path, never);
  const door = doorTo(witnessIn(memory.path));
  door.down = true;
  await using stack = new AsyncDisposableStack();
  const { witnessing, events } = asking(folder.path, log, door);
  stack.use(witnessing);
  await until(() => witnessing.status().problem !== null);
  assert.equal(witnessing.status().at, null);
  door.down = false;
  await until(() => witnessing.status().at !== null);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['witness.unreachable', 'witness.resumed'],
  );

  const stranger = cosigner('witness.example/w1', generateKeyPairSync('ed25519').privateKey);
  await using another = await temporaryFolder();
  await using elsewhere = await openLog(another.path, never);
  await using empty = await temporaryFolder();
  const wrong = asking(another.path, elsewhere, doorTo(witnessIn(empty.path, stranger)));
  await until(() => wrong.witnessing.status().problem !== null);
  assert.match(wrong.witnessing.status().problem ?? '', /without a signature by its key/);
  assert.equal(wrong.witnessing.status().at, null);
  await wrong.witnessing[Symbol.asyncDispose]();
});
