import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  appendCalls,
  copyFolder,
  isFault,
  openLog,
  origin,
  signer,
  signerOf,
  temporaryFolder,
} from '../../audit/log.fixture.ts';
import type { AuditLog } from '../../audit/log.ts';
import { LogReader } from '../../audit/log-reader.ts';
import { type Json, isJsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { readLog } from '../admin/log-operations.ts';
import { readExpected } from './expected-issuances.ts';
import type { Ask } from './follow-log.ts';
import { type Found, lookOnce, type MonitorParts } from './run-monitor.ts';

const publicKey = signer.publicKey;

function askOf(folder: string, log: AuditLog): Ask {
  const reader = new LogReader({ folder, origin, publicKey, sign: () => log.checkpoint() });
  return (_name, order) => {
    const { from = 0, known = 0 } = isJsonObject(order) ? order : {};
    return readLog(reader, { from: Number(from), known: Number(known) });
  };
}

/** Writes what an issuance writes. */
async function issue(log: AuditLog, serial: string, name = 'ci-bot', door = 'join-token'): Promise<void> {
  const facts = {
    serial,
    name,
    kind: 'agent',
    door,
    owner: 'alice',
    keyHash: 'k',
    replaces: null,
    notAfter: 1,
  };
  await log.append({ type: 'certificate.reserved', ...facts });
  await log.append({ type: 'certificate.issued', ...facts });
}

function monitorOf(
  folder: string,
  ask: Ask,
  more: Partial<MonitorParts> = {},
): MonitorParts & { seen: Found[] } {
  const seen: Found[] = [];
  return {
    folder: join(folder, 'monitor'),
    ask,
    key: null,
    watched: () => true,
    expected: readExpected(
      'expected.yaml',
      'expected:\n  - { name: ci-bot, doors: [join-token, renewal] }\n',
    ),
    webhook: null,
    show: async (found) => void seen.push(found),
    say: () => undefined,
    ...more,
    seen,
  };
}

const namesOf = (seen: readonly Found[]): readonly string[] =>
  seen.map((found) =>
    found.type === 'alert' ? `alert ${found.alert['serial'] as string}` : found.issuance.serial,
  );

test('I9 the monitor lists what was issued once, and alerts once of what was not expected', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLog(join(folder.path, 'log'));
  const parts = monitorOf(folder.path, askOf(join(folder.path, 'log'), log));
  await issue(log, '01');
  assert.deepEqual(await lookOnce(parts), { origin, entries: 3, fresh: 3, issued: 1, alerts: 0, untold: 0 });
  await issue(log, '02', 'ci-bot', 'admin');
  await log.append({ type: 'certificate.reserved', serial: '03', name: 'other' });
  const look = await lookOnce(parts);
  assert.deepEqual([look.fresh, look.issued, look.alerts], [3, 1, 2]);
  await log.append({ type: 'certificate.issued', serial: '03', name: 'other' });
  await log.append({ type: 'certificate.issued', serial: '04', name: 'other' });
  assert.equal(
    (await lookOnce(parts)).alerts,
    1,
    'an issuance that was alerted of as an intent is not again',
  );
  assert.equal((await lookOnce(parts)).fresh, 0);
  assert.deepEqual(namesOf(parts.seen), ['01', 'alert 02', '02', 'alert 03', '03', '04', 'alert 04']);
});

test('I9 a log that was rolled back, and one that has grown again since, is an alarm that is told once', async () => {
  await using folder = await temporaryFolder();
  const [path, old] = [join(folder.path, 'log'), join(folder.path, 'old')];
  const told: string[] = [];
  const webhook = {
    tell: async (body: { readonly [name: string]: Json }) => void told.push(body['reason'] as string),
  };
  const more = { webhook };
  {
    await using log = await openLog(path);
    await appendCalls(log, 4);
  }
  await copyFolder(path, old);
  {
    await using log = await openLog(path);
    await appendCalls(log, 40);
    await lookOnce(monitorOf(folder.path, askOf(path, log), more));
  }
  {
    await using log = await openLog(old);
    const parts = monitorOf(folder.path, askOf(old, log), more);
    await assert.rejects(lookOnce(parts), /rolled back: it has 6 entries, and had 46/);
    await assert.rejects(lookOnce(parts), isFault('audit_broken'));
    assert.equal(parts.seen.length, 2, 'shown each time');
    assert.equal(told.length, 1, 'told once');
    await issue(log, '99');
    await appendCalls(log, 60);
    await assert.rejects(lookOnce(parts), /was rewritten/);
    assert.equal(told.length, 2);
  }
  await using log = await openLog(path);
  const after = await lookOnce(monitorOf(folder.path, askOf(path, log), more));
  assert.equal(after.fresh, 1, 'the log that was known goes on: it was opened');
});

test('I9 an authority that leaves an entry out, changes one, or signs with another key is found out', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'log');
  await using log = await openLog(path);
  await issue(log, '01', 'secret');
  const honest = askOf(path, log);
  const lying = (change: (answer: { readonly [name: string]: Json }) => object): Ask => {
    return async (name, order) => {
      const answer = await honest(name, order);
      return { ...(answer as object), ...change(answer as { readonly [name: string]: Json }) };
    };
  };
  const linesIn = (answer: { readonly [name: string]: Json }): readonly string[] =>
    answer['lines'] as string[];
  const lies: readonly Ask[] = [
    lying((answer) => ({ lines: linesIn(answer).filter((line) => !line.includes('reserved')) })),
    lying((answer) => ({ lines: linesIn(answer).map((line) => line.replaceAll('secret', 'ci-bot')) })),
    lying((answer) => ({ lines: linesIn(answer).slice(0, 1) })),
    lying((answer) => ({ checkpoint: (answer['checkpoint'] as string).replace('\n3\n', '\n2\n') })),
    lying(() => ({ publicKey: signerOf(origin, 9).publicKey.export({ type: 'spki', format: 'pem' }) })),
  ];
  for (const [at, ask] of lies.entries()) {
    const parts = monitorOf(join(folder.path, String(at)), ask);
    await assert.rejects(lookOnce(parts), isFault('audit_broken'), String(at));
    assert.ok(
      parts.seen.every((found) => found.type === 'alert'),
      'nothing is shown that was not verified',
    );
  }
});

test('I9 alerts that the receiver does not take are told again, in order, and none is lost', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'log');
  await using log = await openLog(path);
  const told: string[] = [];
  let up = false;
  const webhook: MonitorParts['webhook'] = {
    async tell(body) {
      if (!up) throw new Fault('unavailable', 'down');
      told.push(JSON.stringify(body['serial']));
    },
  };
  const parts = monitorOf(folder.path, askOf(path, log), { webhook });
  await issue(log, '01', 'one');
  assert.equal((await lookOnce(parts)).untold, 1);
  await issue(log, '02', 'two');
  assert.equal((await lookOnce(parts)).untold, 2);
  up = true;
  assert.equal((await lookOnce(parts)).untold, 0);
  assert.deepEqual(told, ['"01"', '"02"']);
});

test('I9 a state that is damaged is refused, and so is a log of another key than the one kept', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'log');
  await using log = await openLog(path);
  const ask = askOf(path, log);
  const key = signerOf(origin, 9).publicKey.export({ type: 'spki', format: 'pem' });
  await assert.rejects(lookOnce(monitorOf(folder.path, ask, { key })), isFault('audit_broken'));
  const parts = monitorOf(folder.path, ask);
  await rm(parts.folder, { recursive: true });
  await lookOnce(parts);
  const file = join(parts.folder, 'state.json');
  const state = await readFile(file, 'utf8');
  for (const text of ['', '{}', state.replace('"read":1', '"read":3'), state.slice(0, -1)]) {
    await writeFile(file, text);
    await assert.rejects(lookOnce(parts), isFault('state_damaged'), text);
  }
});
