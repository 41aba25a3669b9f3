import { Fault } from '../../../kernel/fault.ts';

/** What the server, or the way to it, says, with the code of PostgreSQL or of the machine where it has one. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/**
 * What an error of PostgreSQL means to the person who runs the authority. Anything that is not the database's is returned as
 * it came. `place` is what the database is called. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function storageFault(error: unknown, place: string): unknown {
  if (error instanceof Fault) return error;
  const code = codeOf(error);
  const because = (text: string): Fault => new Fault('unavailable', text, { cause: error });
  if (code === '55P03') {
    return new Fault(
      'state_locked',
      `Another authority is writing to ${place} and did not finish in time. Nothing was changed. Try again.`,
      { cause: error },
    );
  }
  if (code.startsWith('XX')) {
    return new Fault(
      'state_damaged',
      `${place} says that it is damaged: ${messageOf(error)}. Look after it before anything writes to it.`,
      { cause: error },
    );
  }
  if (code.startsWith('28'))
    return because(`${place} does not let us in: ${messageOf(error)}. Check user, password and pg_hba.conf.`);
  if (code === '25006')
    return because(`${place} takes no writes: it is a standby, or read only. Nothing was changed.`);
  if (code === '22021')
    return new Fault('invalid_input', 'A text holds the character NUL, which the database does not keep.', {
      cause: error,
    });
  if (isLoss(error) || unavailableCodes.has(code) || code.startsWith('53'))
    return because(`${place} cannot be used now: ${messageOf(error)}. Nothing was changed. Try again.`);
  return error;
}

/** Whether the connection is gone, or no good any more. */
export function isLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(08...|57P0[1-5]|25P0[34])$/.test(code)) return true;
  if (/^E[A-Z]+$/.test(code) || code.startsWith('ERR_')) return true;
  const message = messageOf(error);
  // A plan that was made before another version changed the table.
  if (code === '0A000') return message.includes('cached plan');
  return code === '' && lossMessages.test(message);
}

// 3D000: the database does not exist; 42501: not allowed; 42P01: a table is missing; 57014: longer than a time limit.
const unavailableCodes = new Set(['3D000', '42501', '42P01', '57014', '40001', '40P01']);

/** Errors of the client library have no codes. */
const lossMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout expired|Query read timeout|The server does not support SSL|SASL|Client network socket)/i;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
