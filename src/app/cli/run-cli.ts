import { assertNever } from '../../kernel/assert-never.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { errorText, type Fault, toFault } from '../../kernel/fault.ts';
import { visibleJson } from '../../kernel/visible-text.ts';
import type { Command, CommandContext, CommandIo, CommandResult } from './command.ts';
import { exitCodeFor } from './exit-codes.ts';
import { printable } from './format-table.ts';
import { commandHelp, overview } from './help-text.ts';
import { parseCommandLine } from './parse-command-line.ts';

/**
 * Runs one command line and returns its exit code. Results go to stdout and nothing else does; faults go to stderr as
 * `error: … [code]`, or as `{"error":{"code","message"}}` when `--json` was given.
 */
export async function runCli(
  argv: readonly string[],
  io: CommandIo,
  commands: readonly Command[],
): Promise<number> {
  // Known before parsing succeeds, so that a refused command line is answered in the form asked for.
  const json = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined).includes('--json');
  try {
    const result = await answer(argv, io, commands);
    await print(result, json, io);
    return result.exitCode ?? 0;
  } catch (error) {
    const fault = toFault(error);
    const line = json ? JSON.stringify(errorJson(fault)) : `error: ${faultLine(fault)}`;
    const redacted = io.redactor.redact(line);
    await write(io.stderr, `${json ? visibleJson(redacted) : redacted}\n`);
    return exitCodeFor(fault.code);
  }
}

function answer(
  argv: readonly string[],
  io: CommandIo,
  commands: readonly Command[],
): Promise<CommandResult> {
  const line = parseCommandLine(argv, commands);
  switch (line.kind) {
    case 'help':
      return Promise.resolve(textResult(commandHelp(line.command)));
    case 'overview':
      return Promise.resolve(textResult(overview(line.path, commands)));
    case 'run':
      return line.command.run(contextOf(io, line.json), line.input);
    default:
      return assertNever(line);
  }
}

function contextOf(io: CommandIo, json: boolean): CommandContext {
  return {
    stdin: io.stdin,
    stdout: io.stdout,
    stderr: io.stderr,
    env: io.env,
    isTty: io.isTty,
    clock: io.clock,
    redactor: io.redactor,
    // Passed on unread: reading it takes the signals over.
    get ended() {
      return io.ended;
    },
    json,
    // It may repeat what an MCP server or a gateway wrote: shown, not obeyed.
    say: (text) =>
      void io.stderr.write(`${io.redactor.redact(text).split('\n').map(printable).join('\n')}\n`),
  };
}

function textResult(text: string): CommandResult {
  return { text, json: { help: text } };
}

async function print(result: CommandResult, json: boolean, io: CommandIo): Promise<void> {
  if (result.text === '' && result.json === null) return;
  const text = json
    ? visibleJson(JSON.stringify(io.redactor.redactJson(result.json), null, 2))
    : io.redactor.redact(result.text);
  await write(io.stdout, `${text}\n`);
}

function errorJson(fault: Fault): Json {
  return { error: { code: fault.code, message: messageOf(fault) } };
}

/** What a fault repeats may come from a file or from elsewhere; a terminal shows it and does not obey it. */
function faultLine(fault: Fault): string {
  const lines = messageOf(fault).split('\n').map(printable);
  return `${lines.join('\n')} [${fault.code}]`;
}

/** At the terminal of the person who runs the program there is no server log to look into: the cause is shown. */
function messageOf(fault: Fault): string {
  if (fault.code !== 'internal' || fault.cause === undefined) return fault.message;
  return `Something failed that Countersign did not expect: ${errorText(fault.cause)}`;
}

/** Resolves when the text was accepted; a reader that went away is not an error of the command. */
async function write(stream: CommandIo['stdout'], text: string): Promise<void> {
  await new Promise<void>((resolve) => stream.write(text, () => resolve()));
}
