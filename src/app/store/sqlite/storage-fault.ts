import { Fault } from '../../../kernel/fault.ts';

/** Runs a use of the database and turns what SQLite throws into a Fault. */
export async function guarded<Result>(file: string, work: () => Result): Promise<Result> {
  try {
    return work();
  } catch (error) {
    throw storageFault(error, file);
  }
}

/**
 * What an SQLite error means to the person who runs the authority: `state_locked`, `state_damaged` or `unavailable`.
 * Anything that is not SQLite's is returned as it came.
 */
export function storageFault(error: unknown, file: string): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  // https://www.sqlite.org/rescode.html: the low byte is the primary result code.
  switch (code & 0xff) {
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return new Fault(
        'state_locked',
        `Another process is writing to ${file} and did not finish in time. Nothing was changed. ` +
          'End the other process, then try again.',
        { cause: error },
      );
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return damaged(file, error);
    case 8: // SQLITE_READONLY
    case 10: // SQLITE_IOERR
    case 13: // SQLITE_FULL
    case 14: // SQLITE_CANTOPEN
      return new Fault(
        'unavailable',
        `${file} cannot be used: ${(error as Error).message}. Nothing was changed. ` +
          'Check that the disk has room and that this user may write there, then try again.',
        { cause: error },
      );
    default:
      return error;
  }
}

/** Fault `state_damaged`, with the way out. */
export function damaged(file: string, cause?: unknown): Fault {
  return new Fault(
    'state_damaged',
    `${file} is damaged, half written or not a Countersign state. It was not changed. Keep a copy of it, ` +
      'then put the last backup back with: countersign restore',
    { cause },
  );
}

function sqliteCode(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : null;
}
