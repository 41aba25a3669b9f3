import assert from 'node:assert/strict';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareCopies } from '../audit/compare-copies.ts';
import { isFault, makeLog, origin, signer, signerOf, temporaryFolder } from '../audit/log.fixture.ts';
import { verifyCopies } from '../audit/verify-copies.ts';
import { folderStore } from './copies.fixture.ts';
import type { Destination } from './destination.ts';
import { exporting, until } from './exporter.fixture.ts';
import { fetchCopies } from './s3/fetch-copies.ts';
import { s3Destination } from './s3/s3-destination.ts';
import { syslogMessage } from './syslog/message.ts';
import { webhookDestination } from './webhook-destination.ts';
import { systemClock } from '../kernel/clock.ts';

const { publicKey } = signer;

async function exportAll(log: string, destination: Destination, entries = 6): Promise<void> {
  const limits = { entries, octets: 1_000_000, milliseconds: 0 };
  const { exporter } = exporting(log, destination, { limits });
  await until(() => exporter.status().taken === 14);
  await exporter[Symbol.asyncDispose]();
}

/** A log, and a folder with what an object store has of it. */
async function copied(opened: AsyncDisposableStack): Promise<{ log: string; copies: string }> {
  const log = opened.use(await temporaryFolder()).path;
  const store = opened.use(await temporaryFolder()).path;
  await makeLog(log);
  await exportAll(log, s3Destination(folderStore(store), { called: 'archive', prefix: 'p/', lock: null }));
  return { log, copies: join(store, 'p', origin) };
}

test('S4 copies from an object store verify with the key of the log and nothing else', async () => {
  await using opened = new AsyncDisposableStack();
  const { log, copies } = await copied(opened);
  await rm(log, { recursive: true });
  const result = await verifyCopies(copies, { publicKey });
  assert.equal(result.firstBroken, null);
  assert.deepEqual([result.origin, result.entries, result.checkpointSize], [origin, 14, 14]);
  assert.equal((await verifyCopies(copies, { publicKey: signerOf(origin, 8).publicKey })).ok, false);
  assert.equal((await verifyCopies(copies, { publicKey, origin: 'another' })).ok, false);
});

test('S4 a copy that was changed, or is missing in the middle, is found, and one within another counts once', async () => {
  await using opened = new AsyncDisposableStack();
  const { copies } = await copied(opened);
  const names = (await readdir(copies)).filter((name) => name.endsWith('.jsonl'));
  assert.equal(names.length, 3);
  const second = join(copies, names[1] ?? '');
  const text = await readFile(second, 'utf8');
  await writeFile(second, text.replace('agent-1', 'agent-7'));
  const changed = await verifyCopies(copies, { publicKey });
  assert.ok(changed.firstBroken && changed.firstBroken.index >= 6 && changed.firstBroken.index < 12);
  await rename(second, `${second}.away`);
  assert.match((await verifyCopies(copies, { publicKey })).firstBroken?.reason ?? '', /is missing/);
  await writeFile(second, text);
  // Begun twice, and the first time with less in it.
  const digits = (index: number): string => String(index).padStart(20, '0');
  await writeFile(
    join(copies, `segment-${digits(6)}-${digits(7)}.jsonl`),
    text.split('\n').slice(0, 2).join('\n'),
  );
  assert.equal((await verifyCopies(copies, { publicKey })).firstBroken, null);
});

test('S4 copies whose newest checkpoint covers more than is there yet verify up to the one before', async () => {
  await using opened = new AsyncDisposableStack();
  const { copies } = await copied(opened);
  const names = await readdir(copies);
  const last = names.filter((name) => name.endsWith('.jsonl')).at(-1) ?? '';
  await rm(join(copies, last));
  const result = await verifyCopies(copies, { publicKey });
  assert.equal(result.firstBroken, null);
  assert.deepEqual([result.entries, result.checkpointSize], [12, 0]);
});

test('S4 what receivers have is held against the log, whatever form it came in', async () => {
  await using opened = new AsyncDisposableStack();
  const { log, copies } = await copied(opened);
  const received = opened.use(await temporaryFolder()).path;
  const bodies: string[] = [];
  const webhook = {
    async post({ body }: { readonly body: string }) {
      bodies.push(body);
      return { status: 200, headers: {}, body: new Uint8Array(), json: () => null };
    },
    tell: () => Promise.resolve(),
    ask: () => Promise.resolve({}),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { exporter } = exporting(log, webhookDestination(webhook, 'hook', systemClock), { name: 'hook' });
  await until(() => exporter.status().taken === 14);
  await exporter[Symbol.asyncDispose]();
  await writeFile(join(received, 'hook.log'), bodies.join('\n'));
  const messages: string[] = [];
  const syslog: Destination = {
    async deliver(batch) {
      for (const entry of batch.entries) messages.push(syslogMessage(batch.origin, entry, { host: 'h' }));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const other = exporting(log, syslog, { name: 'syslog' }).exporter;
  await until(() => other.status().taken === 14);
  await other[Symbol.asyncDispose]();
  // A line of another log among them names that log.
  await writeFile(
    join(received, 'syslog.log'),
    `${[...messages, ...messages.map((line) => line.replaceAll(`${origin}#`, 'other#').replaceAll('agent-1', 'x'))].join('\n')}\n`,
  );
  const none = { ok: true, changed: [], missing: [], unknown: [], behind: 0, same: 14 };
  assert.deepEqual(await compareCopies(log, [join(received, 'hook.log')]), { ...none, repeated: 0 });
  assert.deepEqual(await compareCopies(log, [join(received, 'syslog.log')]), { ...none, repeated: 0 });
  assert.deepEqual(await compareCopies(log, [copies, received]), { ...none, repeated: 28 });
});

test('S4 what is missing, changed, cut off or unknown among what was exported is named', async () => {
  await using opened = new AsyncDisposableStack();
  const { log, copies } = await copied(opened);
  const names = (await readdir(copies)).filter((name) => name.endsWith('.jsonl'));
  const [first = '', second = '', third = ''] = names.map((name) => join(copies, name));
  const lines = (await readFile(first, 'utf8')).split('\n');
  await writeFile(first, lines.toSpliced(3, 1).join('\n'));
  await writeFile(second, (await readFile(second, 'utf8')).replace('agent-1', 'agent-7'));
  await rm(third);
  const found = await compareCopies(log, [copies]);
  assert.equal(found.ok, false);
  assert.deepEqual(found.missing, [{ from: 3, to: 4 }]);
  assert.equal(found.changed.length, 1);
  assert.equal(found.behind, 2);

  // The log here was cut back: the receiver knows more.
  await using shorter = await temporaryFolder();
  await makeLog(shorter.path);
  await rm(join(shorter.path, 'log-00000000000000000010.jsonl'));
  const more = await compareCopies(shorter.path, [second]);
  assert.equal(more.ok, false);
  assert.deepEqual(more.unknown, [10, 11]);
});

test('S4 what is fetched from a store are the files that the exporter writes there, whatever else it lists', async () => {
  await using into = await temporaryFolder();
  const digits = '0'.repeat(20);
  const keys = [
    '../evil.jsonl',
    `segment-${digits}-${digits}.jsonl`,
    `a/segment-${digits}-${digits}.jsonl`,
    'x',
  ];
  const asked: string[] = [];
  const store = {
    list: () => Promise.resolve(keys.map((key) => `p/o/${key}`)),
    get(key: string) {
      asked.push(key);
      return Promise.resolve(new Uint8Array([1]));
    },
  };
  const { signal } = new AbortController();
  const place = { prefix: 'p/', origin: 'o' };
  assert.equal(await fetchCopies(store, place, into.path, signal), 1);
  assert.deepEqual(asked, [`p/o/${keys[1]}`]);
  assert.deepEqual(await readdir(into.path), [keys[1]]);
  const empty = { ...store, list: () => Promise.resolve([]) };
  await assert.rejects(fetchCopies(empty, place, into.path, signal), isFault('not_found'));
});
