import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import type { CertificateRecords } from './certificate-records.ts';
import { certify } from './certify.ts';
import { memoryAuthority } from './memory-authority.ts';
import { recoverIssuance } from './recover.ts';
import { specimenOrder } from './specimen-request.ts';

/** An authority of the store that dies, or waits, with a serial reserved. */
function stopping(of: ReturnType<typeof memoryAuthority>, instance: string) {
  let goOn = (): void => undefined;
  const stopped = new Promise<void>((resolve) => (goOn = resolve));
  const records: CertificateRecords = {
    ...of.records,
    async complete(serial, der) {
      await stopped;
      await of.records.complete(serial, der);
    },
  };
  return { issuing: certify(specimenOrder(), { ...of, records, instance }), goOn };
}

const states = async (of: ReturnType<typeof memoryAuthority>): Promise<unknown[]> =>
  (await of.records.list({})).map(({ instance, state }) => [instance, state]);

test('I9 what an authority that is alive is issuing is left to it, and what a dead one was is given up', async () => {
  const authority = memoryAuthority();
  const [alive, dead] = [stopping(authority, 'alive'), stopping(authority, 'dead')];
  for (let turns = 0; (await states(authority)).length < 2 && turns < 1_000; turns += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const given = await recoverIssuance(authority, (instance) => instance === 'dead');
  assert.equal(given.length, 1);
  alive.goOn();
  await alive.issuing;
  // It was not dead after all: nothing comes of it all the same, and nobody gets the certificate.
  dead.goOn();
  await assert.rejects(dead.issuing, { code: 'conflict' });
  const ended = Object.fromEntries((await states(authority)) as [string, unknown][]);
  assert.deepEqual(ended, { alive: 'issued', dead: 'abandoned' });
});

test('I9 what was completed in the last moment is not given up', async () => {
  const authority = memoryAuthority();
  const records = {
    list: authority.records.list,
    abandon: () => Promise.reject(new Fault('conflict', 'It is issued already.')),
  };
  const late = stopping(authority, 'slow');
  for (let turns = 0; (await states(authority)).length < 1 && turns < 1_000; turns += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.deepEqual(await recoverIssuance({ ...authority, records }), []);
  late.goOn();
  await late.issuing;
});
