import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { CommandContext } from './command.ts';
import { parseCommandLine } from './parse-command-line.ts';
import { passphraseFlags, readPassphrase } from './passphrase.ts';
import { createRedactor } from '../../secrets/redact.ts';

test('takes the passphrase from the environment, before that from a file, before that from a descriptor', async () => {
  await withFile('from file\n', async (file) => {
    const env = { COUNTERSIGN_PASSPHRASE: 'from environment' };
    assert.equal(await read([], { env }), 'from environment');
    assert.equal(await read(['--passphrase-file', file], { env }), 'from file');
    const descriptor = openSync(file, 'r');
    const flags = ['--passphrase-fd', String(descriptor), '--passphrase-file', 'nowhere'];
    assert.equal(await read(flags, { env }), 'from file');
  });
});

test('takes one line break off the end and nothing else', async () => {
  await withFile(' with spaces \r\n', async (file) => {
    assert.equal(await read(['--passphrase-file', file], {}), ' with spaces ');
  });
});

test('refuses a passphrase file that others can read', async () => {
  await withFile('secret\n', async (file) => {
    await chmod(file, 0o644);
    await assert.rejects(read(['--passphrase-file', file], {}), isFault('file_mode'));
  });
});

test('refuses an empty source, more than one line, a missing file and a closed descriptor', async () => {
  await withFile('', async (file) => {
    await assert.rejects(read(['--passphrase-file', file], {}), isFault('passphrase_required'));
    await writeFile(file, 'two\nlines\n');
    await assert.rejects(read(['--passphrase-file', file], {}), isFault('usage'));
    await writeFile(file, 'x'.repeat(5000));
    await assert.rejects(read(['--passphrase-file', file], {}), isFault('usage'));
    await assert.rejects(read(['--passphrase-file', `${file}.no`], {}), isFault('not_found'));
    const descriptor = openSync(file, 'r');
    closeSync(descriptor);
    await assert.rejects(read(['--passphrase-fd', String(descriptor)], {}), isFault('usage'));
  });
  await assert.rejects(read([], { env: { COUNTERSIGN_PASSPHRASE: '' } }), isFault('passphrase_required'));
});

test('asks for a source when nobody sits at the terminal', async () => {
  await assert.rejects(read([], {}), isFault('passphrase_required'));
});

test('a prompt shows nothing of what is typed, and takes back and starts over', async () => {
  const terminal = new Terminal();
  const typed = read([], { terminal });
  terminal.write('wrong\u0015secrxx\u007f\u007fet\r');
  assert.equal(await typed, 'secret');
  assert.deepEqual(terminal.modes, [true, false]);
  assert.doesNotMatch(terminal.shown(), /[wx]|secret/);
});

test('a prompt asks twice when told to, and refuses two that differ', async () => {
  const same = new Terminal();
  const first = read([], { terminal: same, confirm: true });
  same.write('secret\r');
  await same.asked(2);
  same.write('secret\r');
  assert.equal(await first, 'secret');
  const other = new Terminal();
  const second = read([], { terminal: other, confirm: true });
  other.write('secret\r');
  await other.asked(2);
  other.write('sekret\r');
  await assert.rejects(second, isFault('usage'));
});

test('a prompt ends without a passphrase on Ctrl-C, and gives the terminal back', async () => {
  const terminal = new Terminal();
  const typed = read([], { terminal });
  terminal.write('sec\u0003');
  await assert.rejects(typed, isFault('passphrase_required'));
  assert.deepEqual(terminal.modes, [true, false]);
});

class Terminal extends PassThrough {
  readonly modes: boolean[] = [];
  readonly output = new PassThrough();
  #shown = '';

  setRawMode(raw: boolean): this {
    this.modes.push(raw);
    return this;
  }

  shown(): string {
    this.#shown += String(this.output.read() ?? '');
    return this.#shown;
  }

  async asked(times: number): Promise<void> {
    while (this.modes.filter(Boolean).length < times) await new Promise((resolve) => setImmediate(resolve));
  }
}

function read(
  argv: readonly string[],
  world: {
    readonly env?: Readonly<Record<string, string>>;
    readonly terminal?: Terminal;
    readonly confirm?: boolean;
  },
): Promise<string> {
  const context: CommandContext = {
    stdin: world.terminal ?? new PassThrough(),
    stdout: new PassThrough(),
    stderr: world.terminal?.output ?? new PassThrough(),
    env: world.env ?? {},
    redactor: createRedactor(),
    isTty: world.terminal !== undefined,
    ended: new AbortController().signal,
    clock: steppedClock(0),
    json: false,
    say: () => {},
  };
  const command = {
    path: ['do'],
    summary: 'Do it',
    example: 'countersign do',
    flags: passphraseFlags,
    positionals: [],
    run: () => Promise.resolve({ text: '', json: null }),
  };
  const line = parseCommandLine(['do', ...argv], [command]);
  if (line.kind !== 'run') throw new TypeError('not a run');
  return readPassphrase(context, line.input, { confirm: world.confirm ?? false });
}

async function withFile(content: string, use: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    const file = join(folder, 'passphrase');
    await writeFile(file, content, { mode: 0o600 });
    await use(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function isFault(code: FaultCode): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}
