import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import type { Writable } from 'node:stream';

/** Sees to it that children do not outlive this process, however it ends. */
export interface ChildWarden extends AsyncDisposable {
  /** Notes a child that leads a process group, and its home; what is returned is called when both are gone. */
  guard(pid: number, home: string): () => void;
  /** How many children there are. */
  count(): number;
}

/**
 * A process of its own that waits for the end of its input, which comes when this process ends, killed or not; then it
 * ends what was noted and not taken back. It is started with the first child, and again should it end.
 * `graceMilliseconds`: how long children may take to end by themselves, and again once they are told to.
 */
export function createChildWarden(options: {
  readonly graceMilliseconds: number;
  readonly log: (line: string) => void;
}): ChildWarden {
  const { graceMilliseconds, log } = options;
  const guarded = new Map<number, string>();
  let warden: ChildProcessByStdio<Writable, null, null> | null = null;
  let disposed = false;

  const open = (): ChildProcessByStdio<Writable, null, null> => {
    const program = join(import.meta.dirname, `end-orphans${extname(import.meta.filename)}`);
    const opened = spawn(process.execPath, [program, String(graceMilliseconds)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // A session of its own: what a terminal or a supervisor sends to ours does not end it before us.
      detached: true,
      windowsHide: true,
      env: {},
    });
    opened.stdin.on('error', () => undefined);
    opened.on('error', (error) => log(`The warden of children cannot be started: ${error.message}`));
    opened.once('exit', () => {
      if (warden !== opened) return;
      warden = null;
      if (!disposed && guarded.size > 0) log('The warden of children has ended and is started again.');
      if (!disposed) for (const [pid, home] of guarded) tell({ pid, home });
    });
    // Neither keeps this process from ending.
    opened.unref();
    if ('unref' in opened.stdin && typeof opened.stdin.unref === 'function') opened.stdin.unref();
    return opened;
  };
  const tell = (note: { readonly pid: number; readonly home: string | null }): void => {
    warden ??= open();
    warden.stdin.write(`${JSON.stringify(note)}\n`);
  };

  return {
    guard(pid, home) {
      guarded.set(pid, home);
      tell({ pid, home });
      return () => {
        if (guarded.delete(pid) && warden) tell({ pid, home: null });
      };
    },
    count: () => guarded.size,
    async [Symbol.asyncDispose]() {
      disposed = true;
      const last = warden;
      if (!last || last.exitCode !== null || last.signalCode !== null) return;
      last.ref();
      const ended = once(last, 'exit');
      last.stdin.end();
      await ended;
    },
  };
}
