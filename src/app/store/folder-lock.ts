import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../kernel/fault.ts';

/**
 * Holds a folder for this process until disposed. The lock is the operating system's, taken through an SQLite file, so
 * it ends with the process however that dies. Throws Fault `state_locked` when another process holds it.
 */
export function lockFolder(file: string, folder: string): Disposable {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA busy_timeout = 200; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
  } catch (cause) {
    database.close();
    throw new Fault(
      'state_locked',
      `Another process is using ${folder}. Stop it first, or give this command --authority to talk to it.`,
      { cause },
    );
  }
  return {
    [Symbol.dispose]() {
      if (database.isOpen) database.close();
    },
  };
}
