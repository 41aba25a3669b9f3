import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { commandsFor } from '../../src/app/cli/commands.ts';
import { runCli } from '../../src/app/cli/run-cli.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { freshAuthority, passphrase } from './fresh-authority.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import { runHere } from './program.ts';

test('O2 up shows the link of the first person at a terminal and nowhere else, and not once somebody was added', async () => {
  const place = await mkdtemp(join(tmpdir(), 'countersign-first-'));
  try {
    const folder = join(place, 'authority');
    await cp(await freshAuthority(), folder, { recursive: true });
    const secrets = ['--passphrase-file', join(place, 'passphrase')];
    await writeFile(join(place, 'passphrase'), passphrase, { mode: 0o600 });
    const words = ['--folder', folder, ...secrets];
    const up = (isTty: boolean, last?: string): Promise<string> =>
      startAndStop(['up', ...words, '--ports', 'any'], isTty, last);

    assert.doesNotMatch(await up(false), /#/, 'what a service prints ends in a log');
    const [, link = '', secret = ''] =
      /(https:\/\/localhost:\d+\/enrol#([\w-]{43}))$/m.exec(await up(true, '#')) ?? [];
    assert.notEqual(link, '');
    const logs = await readdir(join(folder, 'authority-log'));
    const logged = await Promise.all(
      logs.map((name) => readFile(join(folder, 'authority-log', name), 'utf8').catch(() => '')),
    );
    assert.match(logged.join(''), /"person\.invited"/);
    assert.ok(!logged.join('').includes(secret));
    const { code } = await runHere(['person', 'add', 'alice@example.com', ...words]);
    assert.equal(code, 0);
    assert.doesNotMatch(await up(true), /#/);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});

/** Runs a command that stays up until a moment after it has said something, and all that it said. */
async function startAndStop(words: readonly string[], isTty: boolean, last = 'to stop.'): Promise<string> {
  const ended = new AbortController();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let said = '';
  stderr.resume();
  stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes(last)) setTimeout(() => ended.abort(), 100);
  });
  const io = { stdin: new PassThrough(), stdout, stderr, env: {}, isTty, ended: ended.signal };
  assert.equal(
    await runCli(words, { ...io, clock: systemClock, redactor: createRedactor() }, await commandsFor(words)),
    0,
  );
  return said;
}
