import { spawnSync } from 'node:child_process';

/** Why tests that need these programs cannot run here, or false. */
export function missing(...programs: readonly string[]): string | false {
  const absent = programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  return absent.length === 0 ? false : `not installed here: ${absent.join(', ')}`;
}
