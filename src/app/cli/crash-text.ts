import type { Redactor } from '../../secrets/redact.ts';
import { printable } from './format-table.ts';

/** What is said of an error that nobody caught, before the process ends. */
export function crashText(error: unknown, redactor: Pick<Redactor, 'redact'>): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = redactor.redact(`Countersign stopped because of a mistake of its own: ${text}`).split('\n');
  return `error: ${lines.map(printable).join('\n')} [internal]\n`;
}
