import type { AuditLog } from '../../audit/log.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { SecretEvent } from '../../secrets/held-secret.ts';

/** Writes down what becomes of secrets that others hold: where they are and why they are not to be had, and never a value. */
export function tellOfSecrets(
  audit: Pick<AuditLog, 'note'>,
  log: (line: string) => void,
): (event: SecretEvent) => void {
  const failing = new Set<string>();
  return (event) => {
    const { source } = event;
    if (event.kind === 'obtained') {
      failing.delete(source);
      const { leaseMilliseconds: life } = event;
      const leaseSeconds = life === null ? null : Math.round(life / 1_000);
      audit.note({ type: 'secret.obtained', source, leaseSeconds });
      return;
    }
    const { error } = event;
    log(`The secret ${source} is not to be had: ${reasons(error)}`);
    // Told once, until it is there again.
    if (failing.has(source)) return;
    failing.add(source);
    audit.note({
      type: 'secret.unavailable',
      source,
      code: error instanceof Fault ? error.code : 'internal',
    });
  };
}

/** With what the holder said, for whoever runs the gateway. */
function reasons(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return [errorText(error), ...(cause === undefined ? [] : [errorText(cause)])].join(' ').slice(0, 1_000);
}
