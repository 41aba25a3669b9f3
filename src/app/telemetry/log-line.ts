import { visibleJson } from '../../kernel/visible-text.ts';
import { printable } from '../cli/format-table.ts';
import type { Config } from '../config/config.ts';
import { logEventOf, logEvents, logLevels } from './log-events.ts';

/** How lines for the operator look. */
export type LogFormat = 'text' | 'journald' | 'json';

/**
 * One line as it is written, or null for one below the level. No octet of it ends the line early or is obeyed by a
 * terminal. `journald`: with the priority in front that systemd takes off (sd-daemon(3)).
 */
export function logLine(
  text: string,
  { format, level }: { readonly format: LogFormat; readonly level: Config['logging']['level'] },
  now: number,
): string | null {
  const event = logEventOf(text);
  const own = logEvents[event].level;
  if (logLevels[own] > logLevels[level]) return null;
  switch (format) {
    case 'json': {
      const time = new Date(now).toISOString();
      return visibleJson(JSON.stringify({ time, level: own, event, message: text }));
    }
    case 'journald':
      return text
        .split('\n')
        .map((line) => `<${logLevels[own]}>${event}: ${printable(line)}`)
        .join('\n');
    default:
      return text.split('\n').map(printable).join('\n');
  }
}

/** What the configuration wants, where standard error goes to the journal or elsewhere (systemd.exec(5), JOURNAL_STREAM). */
export function logFormat(
  wanted: Config['logging']['format'],
  around: { readonly isTty: boolean; readonly env: Readonly<Record<string, string | undefined>> },
): LogFormat {
  if (wanted !== 'auto') return wanted;
  return !around.isTty && around.env['JOURNAL_STREAM'] !== undefined ? 'journald' : 'text';
}
