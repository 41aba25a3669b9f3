import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { joinPeers } from '../../src/app/peers/join-peers.ts';
import { recoverIssuance } from '../../src/ca/recover.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openOn } from '../contracts/postgres-store.ts';
import { startPostgres } from '../interop/start-postgres.ts';
import { makePlace, type PlaceFiles } from './issuance-place.ts';

/** Before and after: reserve, log the intent, sign, store, log the issue. */
const points = 10;
/** From here on the certificate is stored. */
const stored = 7;
const times = { beat: 100, silence: 3_000 };

test('I1 I9 of authorities of one store that are killed before and after every act of issuing, the one that is left gives up what was not stored, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-taken-'));
  await using _gone = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  await using postgres = await startPostgres();
  const database = await postgres.createDatabase();
  await using store = await openOn(postgres, database, systemClock);
  const says = { name: 'left', url: '', version: '', issuers: 0 };
  const log = (): void => undefined;
  await using left = await joinPeers({ id: 'left', facts: store.meta, says, clock: systemClock, log, times });

  const { file: _file, ...place } = await makePlace(folder);
  const { host, port, user } = postgres;
  const authorities = await Promise.all(
    Array.from({ length: points }, async (_each, at) => {
      const instance = `killed-at-${at}`;
      const own = join(folder, instance);
      await mkdir(own);
      const peer = { instance, host, port, user, database, times };
      await killedAt(own, { ...place, log: join(own, 'log'), peer }, at);
      return instance;
    }),
  );
  for (let waited = 0; !authorities.every((each) => left.isGone(each)) && waited < 600; waited += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const events: unknown[] = [];
  const audit = {
    async append(event: object) {
      events.push(event);
      return { index: events.length - 1, leafHash: new Uint8Array() };
    },
  };
  await recoverIssuance({ records: store.certificates, audit }, (instance) => left.isGone(instance));
  const states = new Map(
    (await store.certificates.list({})).map(({ instance, state }) => [instance, state] as const),
  );
  for (const [at, instance] of authorities.entries()) {
    const state = states.get(instance);
    if (at >= stored) assert.equal(state, 'issued', instance);
    else assert.ok(state === 'abandoned' || (state === undefined && at < 3), `${instance}: ${state}`);
  }
  assert.equal(events.length, [...states.values()].filter((state) => state === 'abandoned').length);
});

/** A writer that delivers nothing, since it is killed within its first issuance. */
async function killedAt(folder: string, place: PlaceFiles, at: number): Promise<void> {
  const file = join(folder, 'place.json');
  await writeFile(file, JSON.stringify(place), { mode: 0o600 });
  const script = join(import.meta.dirname, 'issuance-writer.ts');
  const child = spawn(process.execPath, [script, file, String(at)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  assert.deepEqual(await once(child, 'close'), [null, 'SIGKILL']);
  assert.ok(!text.includes('delivered'), text);
}
