import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { type FaultCode, faultCodes } from '../../kernel/fault-codes.ts';
import type { Command, CommandContext, CommandResult } from './command.ts';
import { exitCodeFor, exitCodes } from './exit-codes.ts';
import { runCli } from './run-cli.ts';
import { createRedactor } from '../../secrets/redact.ts';

test('U9 prints the text of a result, or its JSON with --json, on stdout alone', async () => {
  const command = row(() => Promise.resolve({ text: 'two agents', json: { agents: 2 } }));
  assert.deepEqual(await run(['do'], command), { code: 0, stdout: 'two agents\n', stderr: '' });
  const machine = await run(['do', '--json'], command);
  assert.deepEqual([machine.code, JSON.parse(machine.stdout), machine.stderr], [0, { agents: 2 }, '']);
});

test('U9 prints nothing on stdout for a command that owns it', async () => {
  const command = row(() => Promise.resolve({ text: '', json: null }));
  assert.deepEqual(await run(['do'], command), { code: 0, stdout: '', stderr: '' });
});

test('U9 ends with the exit code of the result', async () => {
  const command = row(() => Promise.resolve({ text: 'broken', json: {}, exitCode: 6 }));
  assert.equal((await run(['do'], command)).code, 6);
});

test('U9 prints a fault with its code on stderr and ends with the exit code of the table', async () => {
  const command = row(() => Promise.reject(new Fault('agent_unknown', 'No agent named x. List them.')));
  assert.deepEqual(await run(['do'], command), {
    code: 4,
    stdout: '',
    stderr: 'error: No agent named x. List them. [agent_unknown]\n',
  });
  const machine = await run(['do', '--json'], command);
  assert.equal(machine.stdout, '');
  assert.deepEqual(JSON.parse(machine.stderr), {
    error: { code: 'agent_unknown', message: 'No agent named x. List them.' },
  });
});

test('U9 answers a refused command line in JSON when that was asked for', async () => {
  const { code, stderr } = await run(['--json', 'nonsense'], row());
  assert.equal(code, 2);
  assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'usage');
});

test('U9 shows the cause of an error that nobody expected', async () => {
  const command = row(() => Promise.reject(new RangeError('impossible')));
  const { code, stderr } = await run(['do'], command);
  assert.equal(code, 1);
  assert.match(stderr, /impossible.*\[internal\]/);
});

test('U9 shows help with an example, and all commands without one', async () => {
  const help = await run(['do', '--help'], row());
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Usage\n {2}countersign do\n/);
  assert.match(help.stdout, /Example\n {2}countersign do\n/);
  assert.match((await run([], row())).stdout, /do {2}Do it/);
});

test('U9 every fault code ends with a documented exit code', () => {
  for (const code of Object.keys(faultCodes) as FaultCode[]) {
    const exit = exitCodeFor(code);
    assert.ok(exit in exitCodes && exit !== 0, code);
  }
  const chosen: Partial<Record<FaultCode, number>> = {
    internal: 1,
    usage: 2,
    denied: 3,
    not_found: 4,
    state_locked: 5,
    audit_broken: 6,
  };
  for (const [code, exit] of Object.entries(chosen)) assert.equal(exitCodeFor(code as FaultCode), exit, code);
});

test('U9 a command that does not ask for the end signal leaves it untouched', async () => {
  let asked = 0;
  const onAsked = (): void => {
    asked += 1;
  };
  await run(['do'], row(), onAsked);
  assert.equal(asked, 0);
  await run(
    ['do'],
    row((context) => Promise.resolve({ text: String(context.ended.aborted), json: null })),
    onAsked,
  );
  assert.equal(asked, 1);
});

function row(
  act: (context: CommandContext) => Promise<CommandResult> = () =>
    Promise.resolve({ text: 'done', json: {} }),
): Command {
  return {
    path: ['do'],
    summary: 'Do it',
    example: 'countersign do',
    flags: [],
    positionals: [],
    run: act,
  };
}

async function run(
  argv: readonly string[],
  command: Command,
  onAsked: () => void = () => {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: {},
    redactor: createRedactor(),
    isTty: false,
    clock: steppedClock(0),
    get ended() {
      onAsked();
      return new AbortController().signal;
    },
  };
  const code = await runCli(argv, io, [command]);
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

function textOf(stream: PassThrough): string {
  const bytes = stream.read() as Buffer | null;
  return bytes === null ? '' : bytes.toString('utf8');
}
