import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bundle } from '../../scripts/bundle.ts';
import { missing } from '../interop/missing.ts';
import { builtProgramVariable } from '../journeys/fresh-authority.ts';

const root = join(import.meta.dirname, '../..');
/** Where the kernel shows version 2 of its control groups, or null. */
const groups = mountOf('cgroup2');

/** Why a system cannot be booted here, or false. */
export const noSystem: string | false =
  missing('unshare', 'systemctl', 'pivot_root', 'ip') ||
  (process.getuid?.() !== 0 && 'needs root, to boot a systemd of its own') ||
  (groups === null && 'needs control groups of version 2') ||
  (!existsSync('/lib/systemd/systemd') && 'needs systemd');

/** What the script of a trial came to. */
export interface Trial {
  readonly code: number | null;
  /** Output and errors of the script. */
  readonly said: string;
}

/**
 * Boots the real systemd of this machine in namespaces of its own and runs a script in it as root. It has a network with
 * nothing but loopback, the machine's files as a copy that is thrown away, `countersign` on its path and this tree's `deploy` and
 * `docs` in the script's folder.
 */
export async function bootSystem(script: string): Promise<Trial> {
  const place = await mkdtemp(join(tmpdir(), 'countersign-system-'));
  const group = `${groups}/${place.slice(tmpdir().length + 1)}`;
  try {
    const trial = join(place, 'trial');
    mkdirSync(trial);
    writeFileSync(join(trial, 'script'), `cd /trial/tree\n${script}`);
    cpSync(join(root, 'deploy'), join(trial, 'tree/deploy'), { recursive: true });
    const program = await layOut(join(place, 'program'));
    mkdirSync(group);
    const boot = [
      'echo $$ >"$0/cgroup.procs"',
      'exec unshare --pid --fork --mount --uts --ipc --cgroup --net --kill-child bash "$@"',
    ].join('\n');
    const words = [join(import.meta.dirname, 'boot-system.sh'), place, program, join(root, 'node_modules')];
    const ended = spawnSync('bash', ['-c', boot, group, ...words], {
      encoding: 'utf8',
      timeout: 200_000,
      killSignal: 'SIGKILL',
    });
    const said = existsSync(join(trial, 'said')) ? readFileSync(join(trial, 'said'), 'utf8') : '';
    return { code: ended.status, said: `${ended.stdout}${ended.stderr}${said}` };
  } finally {
    removeGroup(group);
    await rm(place, { recursive: true, force: true });
  }
}

async function layOut(place: string): Promise<string> {
  mkdirSync(join(place, 'node_modules'), { recursive: true });
  const built = process.env[builtProgramVariable];
  if (built === undefined) await bundle(join(place, 'dist'));
  else cpSync(dirname(built), join(place, 'dist'), { recursive: true });
  // What was put together for a run of tests is its owner's alone, and here everybody's program.
  chmodSync(join(place, 'dist'), 0o755);
  cpSync(join(root, 'package.json'), join(place, 'package.json'));
  return place;
}

function mountOf(kind: string): string | null {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : [];
  return mounts.map((line) => line.split(' ')).find(([, , type]) => type === kind)?.[1] ?? null;
}

/** Only empty groups can be removed, the innermost first. */
function removeGroup(group: string): void {
  const below = spawnSync('find', [group, '-depth', '-type', 'd'], { encoding: 'utf8' });
  for (const each of below.stdout.split('\n').filter(Boolean)) {
    try {
      rmdirSync(each);
    } catch {
      // A process that is just ending holds it; the group is empty then and costs nothing.
    }
  }
}
