import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { linesOf, makeLog, temporaryFolder } from '../../src/audit/log.fixture.ts';
import { boundsOf } from '../../src/export/destination.ts';
import { exporting, memoryDestination, until } from '../../src/export/exporter.fixture.ts';
import { s3Destination } from '../../src/export/s3/s3-destination.ts';
import { createS3Store, type S3Lock } from '../../src/export/s3/s3-store.ts';
import { createClient } from '../../src/http/fetch.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { signRequest } from '../../src/secrets/aws/sign-request.ts';
import { isFault } from '../contracts/is-fault.ts';
import { credentials, skip, startMoto } from './moto.ts';

const region = 'us-east-1';
const who = () => Promise.resolve({ ...credentials, sessionToken: null });

/** Any request to the store, signed. */
async function ask(endpoint: string, method: string, path: string, headers: Record<string, string> = {}) {
  const url = new URL(path, endpoint);
  const { host: _, ...signed } = signRequest(
    { method, url, headers, body: '' },
    { region, service: 's3', now: systemClock.now() },
    await who(),
  );
  return await fetch(url, { method, headers: signed });
}

function storeAt(endpoint: string) {
  const place = { called: 'archive', bucket: 'records', region, endpoint, credentials: who };
  return createS3Store(place, createClient({ addressGuard: 'any' }), systemClock);
}

function destination(endpoint: string, lock: S3Lock | null = null) {
  return s3Destination(storeAt(endpoint), { called: 'archive', prefix: 'logs/', lock });
}

test('S4 a store (moto) gets the lines of a log as objects that are written once, locked, with a checkpoint beside each', {
  skip,
  timeout: 60_000,
}, async () => {
  await using moto = await startMoto();
  await using log = await temporaryFolder();
  await makeLog(log.path);
  const { endpoint } = moto;
  await ask(endpoint, 'PUT', '/records', { 'x-amz-bucket-object-lock-enabled': 'true' });
  await using stack = new AsyncDisposableStack();
  const { exporter } = exporting(log.path, destination(endpoint, { mode: 'compliance', days: 30 }), {
    limits: { entries: 6, octets: 1_000_000, milliseconds: 0 },
  });
  stack.use(exporter);
  await until(() => exporter.status().taken === 14).catch(() =>
    assert.fail(String(exporter.status().problem)),
  );
  const base = '/records/logs/example.internal/gateway/segment-';
  const name = (first: number, last: number): string =>
    [first, last].map((index) => String(index).padStart(20, '0')).join('-');
  let text = '';
  for (const bounds of [name(0, 5), name(6, 11), name(12, 13)]) {
    const object = await ask(endpoint, 'GET', `${base}${bounds}.jsonl`);
    assert.equal(object.status, 200, bounds);
    assert.equal(object.headers.get('x-amz-object-lock-mode'), 'COMPLIANCE');
    text += await object.text();
    const checkpoint = await ask(endpoint, 'GET', `${base}${bounds}.checkpoint`);
    assert.equal(await checkpoint.text(), await readFile(join(log.path, 'checkpoint'), 'utf8'));
  }
  assert.deepEqual(text.split('\n').slice(0, -1), await linesOf(log.path));
  assert.equal(exporter.status().problem, null);
});

test('S4 an object that is there with other content, or that a lying store does not have, is not taken for stored', {
  skip,
  timeout: 60_000,
}, async () => {
  await using moto = await startMoto();
  await using log = await temporaryFolder();
  await makeLog(log.path);
  await ask(moto.endpoint, 'PUT', '/records');
  const memory = memoryDestination();
  const { exporter } = exporting(log.path, memory);
  await until(() => memory.taken().length === 14);
  await exporter[Symbol.asyncDispose]();
  const [batch] = memory.batches;
  assert.ok(batch);
  const { signal } = new AbortController();
  await using honest = destination(moto.endpoint);
  await honest.deliver(batch, signal);
  await honest.deliver(batch, signal);
  const changed = { ...batch, entries: batch.entries.map((entry) => ({ ...entry, line: `${entry.line} ` })) };
  await assert.rejects(honest.deliver(changed, signal), isFault('unavailable'));

  // One that says that it stored something and did not.
  const lying = { ...storeAt(moto.endpoint), put: () => Promise.resolve() };
  await using liar = s3Destination(lying, {
    called: 'archive',
    prefix: `other${boundsOf(batch).first}/`,
    lock: null,
  });
  await assert.rejects(liar.deliver(batch, signal), isFault('unavailable'));
});

test('S4 a store that does not know us says why, and the exporter tries again', {
  skip,
  timeout: 60_000,
}, async () => {
  await using moto = await startMoto();
  await using log = await temporaryFolder();
  await makeLog(log.path);
  await ask(moto.endpoint, 'PUT', '/records');
  await moto.checkCredentials(true);
  await using stack = new AsyncDisposableStack();
  const { exporter } = exporting(log.path, destination(moto.endpoint));
  stack.use(exporter);
  await until(() => exporter.status().state === 'failing');
  assert.match(exporter.status().problem ?? '', /archive answers 403 InvalidAccessKeyId/);
  await moto.checkCredentials(false);
  await until(() => exporter.status().taken === 14);
});
