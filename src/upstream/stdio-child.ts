import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { createLineCutter } from '../mcp/line-cutter.ts';
import type { ChildWarden } from './child-warden.ts';
import type { Launch } from './isolation/enclose.ts';
import type { UpstreamLimits } from './limits.ts';
import { messagesIn } from './messages-in.ts';

/** A server process that speaks JSON-RPC, one message a line, over its standard input and output. */
export interface StdioChild {
  readonly pid: number;
  /** Throws Fault `upstream_failed` when the child is gone or does not read its input. */
  send(message: JsonObject): void;
  /** Closes its input, then terminates, then kills it and its whole process group; resolves when nothing is left. */
  end(): Promise<void>;
}

export interface StdioChildOptions {
  /** For messages. */
  readonly name: string;
  readonly launch: Launch;
  readonly limits: UpstreamLimits;
  /** Ends the child should this process be killed; null when nobody does. */
  readonly warden: ChildWarden | null;
  readonly onMessage: (message: JsonObject) => void;
  /** Called once when the process is gone, with why. */
  readonly onGone: (fault: Fault) => void;
  readonly log: (line: string) => void;
}

const longestLogLine = 2_000;

/**
 * Starts a child by its argument vector: no shell, a home of its own that is removed with it, a process group of its
 * own that is killed as a whole. Throws Fault `upstream_unreachable` when it cannot be started.
 */
export async function startChild(options: StdioChildOptions): Promise<StdioChild> {
  const home = await mkdtemp(join(tmpdir(), 'countersign-child-'));
  let release = (): void => undefined;
  const removeHome = async (): Promise<void> => {
    await rm(home, { recursive: true, force: true }).catch(() => undefined);
    release();
  };
  const { command, directory, environment, seccomp, user } = options.launch;
  const [program = '', ...words] = command;
  const child = spawn(program, words, {
    cwd: directory ?? home,
    env: { HOME: home, ...environment },
    stdio: ['pipe', 'pipe', 'pipe', ...(seccomp ? (['pipe'] as const) : [])],
    detached: true,
    shell: false,
    windowsHide: true,
    ...(user !== null && { uid: user, gid: user }),
  }) as ChildProcessByStdio<Writable, Readable, Readable>;
  // The filter of system calls is read before the command is started.
  const filter = child.stdio[3];
  if (seccomp && filter && 'end' in filter) filter.on('error', () => undefined).end(seccomp);
  // At once: between the start of a child and its note there is no moment to be killed in but this one.
  if (child.pid !== undefined && options.warden) release = options.warden.guard(child.pid, home);
  // A broken pipe shows as the end of the child; it must not be an uncaught error.
  child.stdin.on('error', () => undefined);
  try {
    await once(child, 'spawn');
  } catch (cause) {
    await removeHome();
    const detail = `MCP server ${options.name} cannot be started: ${whyNot(cause, program)}`;
    throw new Fault('upstream_unreachable', detail, { cause });
  }
  return supervise(child, options, removeHome);
}

function whyNot(cause: unknown, program: string): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : '';
  if (code === 'ENOENT') {
    return `${errorText(cause)}. There is no program ${program} on the PATH of the gateway, or its folder is missing; install it, or name it by its whole path.`;
  }
  if (code === 'EACCES') return `${errorText(cause)}. ${program} may not be run by the user of the gateway.`;
  return errorText(cause);
}

function supervise(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  options: StdioChildOptions,
  removeHome: () => Promise<void>,
): StdioChild {
  const { name, limits } = options;
  const { promise: gone, resolve: settleGone } = Promise.withResolvers<void>();
  let fault: Fault | null = null;
  let running = true;

  const signalGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // Nobody is left in the group.
    }
  };
  const bury = async (why: Fault): Promise<void> => {
    await closed(child, limits);
    await removeHome();
    options.onGone(why);
    settleGone();
  };
  const condemn = (why: Fault): void => {
    fault ??= why;
    signalGroup('SIGKILL');
  };
  readMessages(child.stdout, options, condemn);
  readLog(child.stderr, options);

  child.once('exit', (code, signal) => {
    running = false;
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    fault ??= new Fault('upstream_failed', `MCP server ${name} ${how}.`);
    // Whatever it started and left behind goes with it.
    signalGroup('SIGKILL');
    const why = fault;
    void bury(why);
  });

  return {
    pid: child.pid ?? 0,
    send(message) {
      if (!running || fault) throw fault ?? new Fault('upstream_failed', `MCP server ${name} has ended.`);
      if (child.stdin.writableLength > 2 * limits.messageBytes) {
        const deaf = new Fault('upstream_failed', `MCP server ${name} does not read its input.`);
        condemn(deaf);
        throw deaf;
      }
      // JSON.stringify leaves no raw newline, so a message is one line.
      child.stdin.write(`${JSON.stringify(message)}\n`);
    },
    async end() {
      fault ??= new Fault('upstream_failed', `MCP server ${name} was ended by the gateway.`);
      child.stdin.end();
      const terminate = setTimeout(() => signalGroup('SIGTERM'), limits.graceMilliseconds);
      const kill = setTimeout(() => signalGroup('SIGKILL'), 2 * limits.graceMilliseconds);
      await gone;
      clearTimeout(terminate);
      clearTimeout(kill);
    },
  };
}

/** Waits for the rest of the output; a descendant that fled the group may hold the pipes open, so not for ever. */
async function closed(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  limits: UpstreamLimits,
): Promise<void> {
  const signal = AbortSignal.timeout(limits.graceMilliseconds);
  if (!child.stdout.closed || !child.stderr.closed)
    await once(child, 'close', { signal }).catch(() => undefined);
  child.stdin.destroy();
  child.stdout.destroy();
  child.stderr.destroy();
}

function readMessages(stdout: Readable, options: StdioChildOptions, condemn: (fault: Fault) => void): void {
  const { name, limits } = options;
  let garbage = 0;
  const reader = createLineCutter(limits.messageBytes, {
    line(line) {
      if (line.length === 0) return;
      const messages = readMessageLine(line);
      if (messages) {
        garbage = 0;
        for (const message of messages) options.onMessage(message);
        return;
      }
      garbage += 1;
      options.log(`Server ${name} wrote a line that is not MCP: ${line.subarray(0, 200).toString()}`);
      if (garbage >= limits.garbageLines) {
        condemn(new Fault('upstream_garbage', `MCP server ${name} writes something that is not MCP.`));
      }
    },
    tooLong() {
      condemn(
        new Fault(
          'upstream_too_large',
          `MCP server ${name} sent a message of more than ${limits.messageBytes} octets.`,
        ),
      );
    },
  });
  stdout.on('error', () => undefined).on('data', (chunk: Buffer) => reader.push(chunk));
}

/** The JSON-RPC messages of one line, or null for anything else. */
function readMessageLine(line: Buffer): readonly JsonObject[] | null {
  try {
    return messagesIn(decoder.decode(line));
  } catch {
    return null;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readLog(stderr: Readable, { name, log }: StdioChildOptions): void {
  const reader = createLineCutter(longestLogLine, {
    line: (line) => log(`Server ${name}: ${line.toString()}`),
    tooLong: () => log(`Server ${name}: (a line of more than ${longestLogLine} octets)`),
  });
  stderr.on('error', () => undefined).on('data', (chunk: Buffer) => reader.push(chunk));
}
