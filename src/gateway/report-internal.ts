import type { Fault } from '../kernel/fault.ts';

/** Tells the operator what made an internal fault: its sender is told only that the server log has it. */
export function reportInternal({ code, cause }: Fault, log: (line: string) => void): void {
  if (code !== 'internal') return;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  log(`A request failed inside: ${text}`);
}
