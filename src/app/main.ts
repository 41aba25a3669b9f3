#!/usr/bin/env node
import { isatty } from 'node:tty';
import { systemClock } from '../kernel/clock.ts';
import { createRedactor } from '../secrets/redact.ts';
import { commandsFor } from './cli/commands.ts';
import { crashText } from './cli/crash-text.ts';
import { runCli } from './cli/run-cli.ts';

/** Only a command that asks takes the signals over; a second signal ends it even when its orderly end hangs. */
function endSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort(signal));
  return controller.signal;
}

// `countersign audit tail | head` closes the pipe early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const redactor = createRedactor(systemClock);
// What nobody caught may quote anything; Node itself would print it as it is.
process.on('uncaughtException', (error) => {
  process.stderr.write(crashText(error, redactor));
  process.exit(1);
});

const argv = process.argv.slice(2);
process.exitCode = await runCli(
  argv,
  {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isTty: isatty(0) && isatty(2),
    get ended() {
      return endSignal();
    },
    clock: systemClock,
    redactor,
  },
  await commandsFor(argv),
);
