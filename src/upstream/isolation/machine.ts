import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { errorText } from '../../kernel/fault.ts';
import { bubblewrapArguments, prlimitArguments } from './bubblewrap.ts';
import { defaultIsolation, type Wall } from './isolation.ts';
import { hasSeccomp, seccompFilter } from './seccomp.ts';

/** What a machine has to keep servers apart with. */
export interface Machine {
  /** Whole paths; null where it is not there. */
  readonly bubblewrap: string | null;
  readonly prlimit: string | null;
  readonly seccomp: Uint8Array | null;
  /** Whether the gateway is root, and servers get a user of their own. */
  readonly root: boolean;
  /** The walls that cannot be had, with why. */
  readonly missing: ReadonlyMap<Wall, string>;
}

const probeMilliseconds = 10_000;

/** Looks for the programs, and tries them: that one is installed does not say that the kernel lets it. */
async function inspectMachine(path: string): Promise<Machine> {
  const bubblewrap = await findProgram('bwrap', path);
  const prlimit = await findProgram('prlimit', path);
  const missing = new Map<Wall, string>();
  const root = process.getuid?.() === 0;
  let seccomp = hasSeccomp(process.arch) ? seccompFilter(process.arch) : null;
  if (!seccomp) missing.set('seccomp', `no filter is known for ${process.arch}`);
  if (!prlimit) missing.set('limits', 'prlimit (util-linux) is not installed');
  if (!bubblewrap) missing.set('namespaces', 'bubblewrap (bwrap) is not installed');
  else {
    const found = { bubblewrap, prlimit, root };
    const refusal = await refusalOf({ ...found, seccomp });
    const bare = refusal === null ? null : await refusalOf({ ...found, seccomp: null });
    if (bare !== null) missing.set('namespaces', `bubblewrap cannot be used: ${bare}`);
    else if (refusal !== null) {
      missing.set('seccomp', refusal);
      seccomp = null;
    }
  }
  return { bubblewrap, prlimit, seccomp, root, missing };
}

/** Looks when it is first asked, and once. */
export function lookOnce(path: string): () => Promise<Machine> {
  let looked: Promise<Machine> | null = null;
  return () => (looked ??= inspectMachine(path));
}

/** A program on a search path that may be run; null when there is none. */
export async function findProgram(name: string, path: string): Promise<string | null> {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not there, or not to be run: the next folder.
    }
  }
  return null;
}

/** Users of servers where the gateway is root: the range that systemd gives to dynamic users. */
export const firstUser = 61_184;
export const lastUser = 65_519;

/** Why nothing can be started within the walls; null when it can. */
async function refusalOf(
  machine: Pick<Machine, 'prlimit' | 'root' | 'seccomp'> & { readonly bubblewrap: string },
): Promise<string | null> {
  const { bubblewrap, prlimit, root, seccomp } = machine;
  const order = { isolation: defaultIsolation, directory: null, program: null };
  const limits = prlimit === null ? [] : [prlimit, ...prlimitArguments(defaultIsolation)];
  const words = [
    ...bubblewrapArguments({ ...order, seccomp: seccomp && 3 }),
    ...limits,
    '/usr/bin/env',
    'true',
  ];
  try {
    const probe = spawn(bubblewrap, words, {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe', seccomp ? 'pipe' : 'ignore'],
      timeout: probeMilliseconds,
      killSignal: 'SIGKILL',
      ...(root && { uid: firstUser, gid: firstUser }),
    });
    const filter = probe.stdio[3];
    if (seccomp && filter && 'end' in filter) filter.on('error', () => undefined).end(seccomp);
    let said = '';
    probe.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(0, 500)));
    const [code, signal] = (await once(probe, 'close')) as [number | null, string | null];
    return code === 0 ? null : said.trim() || `it ended with ${code ?? signal}`;
  } catch (error) {
    return errorText(error);
  }
}
