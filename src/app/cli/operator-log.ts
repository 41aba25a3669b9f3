import type { Config } from '../config/config.ts';
import { logFormat, logLine } from '../telemetry/log-line.ts';
import type { CommandContext } from './command.ts';

/** The one way for what a process that serves has to tell: secrets cut out, in the form that is configured, to standard error. */
export function operatorLog(
  { stderr, redactor, clock, isTty, env }: CommandContext,
  { logging }: Config,
): (line: string) => void {
  const format = logFormat(logging.format, { isTty, env });
  return (line) => {
    const written = logLine(redactor.redact(line), { format, level: logging.level }, clock.now());
    if (written !== null) stderr.write(`${written}\n`);
  };
}
