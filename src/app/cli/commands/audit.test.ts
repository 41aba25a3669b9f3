import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { linesOf, makeLog, openLog, temporaryFolder } from '../../../audit/log.fixture.ts';
import { steppedClock } from '../../../kernel/clock.ts';
import { runCli } from '../run-cli.ts';
import { auditCommands } from './audit.ts';
import { auditHoldCommands } from './audit-hold.ts';
import { auditProofCommands } from './audit-proof.ts';
import { auditVerifyCommand } from './audit-verify.ts';
import { createRedactor } from '../../../secrets/redact.ts';

test('S4 U9 audit verify says that a log verifies, for a person and as JSON', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const key = join(folder.path, 'public-key.pem');
  const shown = await run(['audit', 'verify', folder.path]);
  assert.equal(shown.code, 0);
  assert.match(shown.stdout, /verifies: 14 entries, 14 of them signed for/);
  assert.match(shown.stdout, /The key is the one in the folder/);
  const known = join(folder.path, 'checkpoint');
  const json = await runJson(['audit', 'verify', folder.path, '--key', key, '--known', known]);
  assert.deepEqual([json['ok'], json['entries'], json['keyFrom']], [true, 14, 'given']);
});

test('S4 U9 audit verify names the first broken entry in its first line and ends with 6', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const path = join(folder.path, 'log-00000000000000000005.jsonl');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"at":3', '"at":4'));
  const { code, stdout } = await run(['audit', 'verify', folder.path]);
  assert.equal(code, 6);
  assert.match(stdout, /^Broken at entry 7 \(log-00000000000000000005\.jsonl, line 3\): /);
  const json = await runJson(['audit', 'verify', folder.path], 6);
  assert.equal(json['ok'], false);
  assert.deepEqual((json['firstBroken'] as { index: number }).index, 7);
});

test('S4 U9 audit verify refuses the log of another origin, and what is no log or key', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  assert.equal((await run(['audit', 'verify', folder.path, '--origin', 'example.internal/other'])).code, 6);
  assert.equal((await run(['audit', 'verify', folder.path, '--key', join(folder.path, 'lock')])).code, 4);
  assert.equal((await run(['audit', 'verify', join(folder.path, 'nowhere')])).code, 4);
});

test('S4 U9 audit tail shows the newest entries, and those of an agent or what was refused', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const lines = async (...flags: string[]): Promise<readonly string[]> =>
    (await run(['audit', 'tail', folder.path, ...flags])).stdout.trimEnd().split('\n');
  assert.equal((await lines()).length, 10);
  assert.deepEqual(await lines('--lines', '2'), [
    '2026-11-24T10:00:00.000Z  #12  call.refused  agent-0',
    '2026-11-24T10:00:00.000Z  #13  call.permitted  agent-1',
  ]);
  assert.equal((await lines('--refused', '--lines', '99')).length, 4);
  assert.equal((await lines('--agent', 'agent-1', '--lines', '99')).length, 6);
  assert.equal((await lines('--type', 'log.', '--lines', '99')).length, 1);
  const { stdout } = await run(['audit', 'tail', folder.path, '--lines', '1', '--json']);
  const last = (await linesOf(folder.path)).at(-1) ?? '';
  assert.deepEqual(JSON.parse(stdout), [JSON.parse(last)]);
});

test('S4 U9 audit tail --follow writes entries as they come, with --json as lines of the log, until it is ended', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const stop = new AbortController();
  const stdout = new PassThrough();
  const argv = ['audit', 'tail', folder.path, '--follow', '--lines', '1', '--agent', 'new', '--json'];
  const running = start(argv, stdout, new PassThrough(), stop.signal);
  {
    await using log = await openLog(folder.path);
    await log.append({ type: 'call.refused', agent: 'new', reason: 'because' });
    while (stdout.readableLength === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stop.abort();
  assert.equal(await running, 0);
  stdout.end();
  assert.equal(await text(stdout), `${(await linesOf(folder.path))[15]}\n`);
});

test('S4 U9 audit tail shows what a terminal would obey as text', async () => {
  await using folder = await temporaryFolder();
  {
    await using log = await openLog(folder.path);
    await log.append({ type: 'call.refused', agent: 'a', reason: '\u001b[2J\nforged line' });
  }
  const { stdout } = await run(['audit', 'tail', folder.path, '--refused']);
  assert.ok(stdout.includes('\\u{1b}[2J\\u{a}forged line'));
});

test('S4 U9 audit prove writes a proof that audit check-proof accepts without the log', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const [out, key] = [join(folder.path, 'proof.json'), join(folder.path, 'public-key.pem')];
  assert.equal((await run(['audit', 'prove', folder.path, '6', '--out', out])).code, 0);
  const printed = await runJson(['audit', 'prove', folder.path, '6']);
  assert.deepEqual(printed, JSON.parse(await readFile(out, 'utf8')));
  const { code, stdout } = await run(['audit', 'check-proof', out, '--key', key]);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^Entry 6 is in the log example\.internal\/gateway of 14 entries:\n.*#6 {2}call\.refused/,
  );
  const json = await runJson(['audit', 'check-proof', out, '--key', key]);
  assert.deepEqual([json['ok'], json['size']], [true, 14]);
  await writeFile(out, JSON.stringify({ ...printed, index: 5 }));
  assert.equal((await run(['audit', 'check-proof', out, '--key', key])).code, 6);
});

test('S4 U9 audit prove refuses what is no index, and an entry that is not there', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  for (const word of ['x', '1.5', '1e3', '']) {
    assert.equal((await run(['audit', 'prove', folder.path, word])).code, 2, word);
  }
  assert.equal((await run(['audit', 'prove', folder.path, '14'])).code, 4);
});

test('S4 U9 audit hold puts a hold on a log, shows it with who and why, and ends it', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const words = ['--reason', 'case 17', '--by', 'alice'];
  const { id } = await runJson(['audit', 'hold', 'add', folder.path, ...words]);
  assert.match(String(id), /^[A-Za-z0-9_-]{22}$/);
  const shown = await run(['audit', 'hold', 'list', folder.path]);
  assert.match(shown.stdout, /active +1970-01-01T00:00:00\.000Z +alice +case 17/);
  assert.equal((await run(['audit', 'hold', 'release', folder.path, String(id), ...words])).code, 0);
  assert.match((await run(['audit', 'hold', 'list', folder.path])).stdout, /released, not recorded yet/);
  assert.equal((await run(['audit', 'hold', 'release', folder.path, 'none', ...words])).code, 4);
  assert.equal((await run(['audit', 'hold', 'add', `${folder.path}/nowhere`, ...words])).code, 4);
});

test('S4 U9 audit verify --all gives one verdict for each log below a folder, and ends with 6 when one is broken', async () => {
  await using folder = await temporaryFolder();
  const [good, bad] = [join(folder.path, 'a/gateway-log'), join(folder.path, 'b/deeper/gateway-log')];
  await makeLog(good);
  await makeLog(bad);
  const key = join(good, 'public-key.pem');
  const all = ['audit', 'verify', '--all', folder.path, '--key', key];
  const whole = await run(all);
  assert.equal(whole.code, 0, whole.stdout);
  assert.match(whole.stdout, /2 of 2 logs verify\./);
  const path = join(bad, 'log-00000000000000000005.jsonl');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"at":3', '"at":4'));
  const { code, stdout } = await run(all);
  assert.equal(code, 6);
  assert.match(stdout, /broken .*b\/deeper\/gateway-log .*entry 7 /);
  assert.match(stdout, /1 of 2 logs verify\./);
  const json = (await runJson(all, 6)) as { ok: boolean; logs: { ok: boolean; folder: string }[] };
  assert.equal(json.ok, false);
  assert.deepEqual(
    json.logs.map((log) => [log.folder, log.ok]),
    [
      [good, true],
      [bad, false],
    ],
  );
  const two = await run(['audit', 'verify', good, bad]);
  assert.equal(two.code, 6);
  assert.equal((await run(['audit', 'verify', good, bad, '--origin', 'x'])).code, 2);
  assert.equal((await run(['audit', 'verify', '--all', join(folder.path, 'nowhere')])).code, 4);
});

test('S4 U9 audit verify --exported compares what a receiver has with the log', async () => {
  await using folder = await temporaryFolder();
  const log = join(folder.path, 'log');
  await makeLog(log);
  const received = join(folder.path, 'received.jsonl');
  const lines = await linesOf(log);
  await writeFile(received, `${lines.join('\n')}\n`);
  const words = ['audit', 'verify', log, '--exported', received];
  const same = await run(words);
  assert.equal(same.code, 0, same.stdout);
  assert.match(
    same.stdout,
    /What was exported is the log: 14 entries are the same, 0 came again, 0 are still to come\./,
  );
  await writeFile(received, lines.toSpliced(4, 2).join('\n').replace('"at":1,', '"at":7,'));
  const other = await run(words);
  assert.equal(other.code, 6);
  assert.match(other.stdout, /Changed: 2\nMissing: 4 to 5/);
});

async function run(argv: readonly string[]): Promise<{ code: number; stdout: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await start(argv, stdout, stderr, new AbortController().signal);
  stdout.end();
  return { code, stdout: await text(stdout) };
}

async function runJson(argv: readonly string[], expected = 0): Promise<Record<string, unknown>> {
  const { code, stdout } = await run([...argv, '--json']);
  assert.equal(code, expected);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function start(
  argv: readonly string[],
  stdout: PassThrough,
  stderr: PassThrough,
  ended: AbortSignal,
): Promise<number> {
  const io = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: {},
    redactor: createRedactor(),
    isTty: false,
    ended,
    clock: steppedClock(0),
  };
  return runCli(argv, io, [
    auditVerifyCommand,
    ...auditCommands,
    ...auditProofCommands,
    ...auditHoldCommands,
  ]);
}
