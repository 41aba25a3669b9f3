import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs the Python SDKs that tests use, each major version in a virtual environment of its own below `.python`, in the
 * exact versions of `test/python/requirements-N.txt`. Needs python3 (3.10 or later) with pip.
 */
const root = join(import.meta.dirname, '..');
for (const major of ['1', '2']) install(major);

function install(major: string): void {
  const requirements = join(root, `test/python/requirements-${major}.txt`);
  const place = join(root, '.python', major);
  const done = join(place, 'installed');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return;
  rmSync(place, { recursive: true, force: true });
  run('-m', 'venv', '--without-pip', place);
  const python = join(place, 'bin', 'python');
  // The list is complete: nothing is resolved, so nothing else comes along.
  run('-m', 'pip', '--python', python, 'install', '--quiet', '--no-deps', '--no-compile', '-r', requirements);
  writeFileSync(done, wanted);
}

function run(...words: readonly string[]): void {
  const { status, error } = spawnSync('python3', words, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`python3 ${words.join(' ')} failed`, { cause: error });
}
