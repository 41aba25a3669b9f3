import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const libraries = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'];

/** The library of SoftHSM 2, a PKCS #11 token made of files. */
export const library = libraries.find(existsSync) ?? '';

/** Why tests with a real PKCS #11 token cannot run here, or false. */
export const skip =
  library === '' ? 'SoftHSM is not installed here; `apt-get install softhsm2 p11-kit` does' : false;

/** A folder with SoftHSM tokens. */
export interface SoftHsm {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Runs a tool with this SoftHSM; gives its standard output. */
  run(program: string, words: readonly string[]): string;
  /** Takes the tokens away, as pulling the device does, and puts them back. */
  pull(): Promise<void>;
  plug(): Promise<void>;
  /** Every process that holds keys stands still from now on, also a new one, until `revive`. */
  hang(): Promise<void>;
  /** The numbers of all processes that held keys so far, the newest last. */
  processes(): Promise<readonly number[]>;
  /** Puts a shell script where a program would be. */
  replaceProgram(path: string, script: string): Promise<void>;
  revive(): Promise<void>;
}

/** Makes SoftHSM tokens by label, all with the same PIN. */
export async function makeSoftHsm(folder: string, labels: readonly string[], pin: string): Promise<SoftHsm> {
  const tokens = join(folder, 'tokens');
  const config = join(folder, 'softhsm2.conf');
  await mkdir(tokens, { recursive: true });
  await writeFile(config, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`);
  const environment = { ...process.env, SOFTHSM2_CONF: config, PATH: `${folder}:${process.env['PATH']}` };
  const [pids, hung] = [join(folder, 'pids'), join(folder, 'hung')];
  // Notes its number and becomes the real one.
  const script = `#!/bin/sh\necho $$ >> ${pids}\n[ -e ${hung} ] && exec sleep 20\nexec /usr/bin/p11-kit "$@"\n`;
  await writeFile(join(folder, 'p11-kit'), script, { mode: 0o755 });
  const run = (program: string, words: readonly string[]): string =>
    execFileSync(program, words, { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  for (const label of labels) {
    run('softhsm2-util', ['--init-token', '--free', '--label', label, '--so-pin', '87654321', '--pin', pin]);
  }
  return {
    environment,
    run,
    pull: () => rename(tokens, `${tokens}.away`),
    plug: () => rename(`${tokens}.away`, tokens),
    async hang() {
      await writeFile(hung, '');
      const newest = (await readFile(pids, 'utf8')).trim().split('\n').at(-1);
      process.kill(Number(newest), 'SIGSTOP');
    },
    async processes() {
      return (await readFile(pids, 'utf8')).trim().split('\n').map(Number);
    },
    async replaceProgram(path, text) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    },
    revive: () => rm(hung),
  };
}
