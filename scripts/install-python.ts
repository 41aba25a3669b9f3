import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs what tests use of Python, each list in a virtual environment of its own below `.python`, in exact versions:
 * the SDKs of MCP, and servers that hold keys. Needs python3 (3.10 or later) with pip.
 */
const root = join(import.meta.dirname, '..');
const lists = {
  '1': 'test/interop/python/requirements-1.txt',
  '2': 'test/interop/python/requirements-2.txt',
  keys: 'test/interop/requirements-keys.txt',
  deploy: 'test/deploy/requirements.txt',
};
for (const [name, list] of Object.entries(lists)) install(name, list);

function install(name: string, list: string): void {
  const requirements = join(root, list);
  const place = join(root, '.python', name);
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
