import { spawnSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';

/** A time of day of a process's own, which a test may move while it runs. */
export interface MovedTime {
  /** What the process is started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Puts the clock so many minutes ahead of the machine's, or behind it; the monotonic clock goes on as it does. */
  set(minutes: number): void;
}

/** `file` says what the time is; it is looked at whenever the process asks for the time. */
export function moveTime(file: string): MovedTime {
  const set = (minutes: number): void => {
    // Replaced whole, so that nobody reads half of it.
    writeFileSync(`${file}.next`, `${minutes < 0 ? '-' : '+'}${Math.abs(minutes)}m\n`);
    renameSync(`${file}.next`, file);
  };
  set(0);
  return {
    environment: {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
  };
}

/** Where libfaketime is, as its own command says. */
function library(): string {
  const words = ['-m', '-f', '+0', 'sh', '-c', 'printf %s "$LD_PRELOAD"'];
  return spawnSync('faketime', words, { encoding: 'utf8' }).stdout;
}
