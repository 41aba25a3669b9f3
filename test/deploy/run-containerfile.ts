import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Instruction, lastStage, readContainerfile } from './read-containerfile.ts';

export const root = join(import.meta.dirname, '../..');
const file = join(root, 'deploy/container/Containerfile');

/** The instructions of our Containerfile. */
export const instructions = readContainerfile(readFileSync(file, 'utf8'));
const digest = `sha256:${'0'.repeat(64)}`;
/** Two images that are named as they should be; this machine stands in for what they hold. */
export const images = { BUILD_IMAGE: `build@${digest}`, RUN_IMAGE: `run@${digest}` };
/** Whom the image runs as. */
const user = 65_532;

/** A running container. */
export interface StartedImage {
  readonly child: ChildProcess;
  /** Has it end in order, and tells its exit code. */
  stop(): Promise<number | null>;
}

/** What the recipe came to: a folder for each root that it fills. */
export interface BuiltImage extends AsyncDisposable {
  /** The root of the final image, without what its base image holds. */
  readonly files: string;
  /** Starts the image as a container would: its user, its root read-only, a writable place for state, no capability. */
  start(
    words: readonly string[],
    state: string,
    environment?: Readonly<Record<string, string>>,
  ): StartedImage;
  /** An empty folder that the user of the image owns. */
  newState(name: string): string;
}

/**
 * Carries out the Containerfile instruction by instruction without a container engine: the commands of its first stage within
 * walls where this machine's system stands for the build image, its copies into a folder that becomes the root of the result.
 */
export async function runContainerfile(): Promise<BuiltImage> {
  const place = await mkdtemp(join(tmpdir(), 'countersign-image-'));
  chmodSync(place, 0o755);
  const [build, files] = [join(place, 'build'), join(place, 'files')];
  try {
    const second = instructions.length - lastStage(instructions).length;
    for (const each of instructions.slice(0, second)) carryOut(each, build, build);
    for (const each of instructions.slice(second)) carryOut(each, files, build);
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw error;
  }
  standInForBase(files);
  return {
    files,
    start: (words, state, environment = {}) => startImage(files, words, { state, environment }),
    newState(name) {
      const folder = join(place, name);
      mkdirSync(folder, { mode: 0o700 });
      if (process.getuid?.() === 0) chownSync(folder, user, user);
      return folder;
    },
    [Symbol.asyncDispose]: () => rm(place, { recursive: true, force: true }),
  };
}

function carryOut({ word, rest }: Instruction, into: string, from: string): void {
  if (word === 'RUN') {
    const { status, said } = runStep(rest, into, images);
    if (status !== 0) throw new Error(`RUN ${rest} ended with ${status}: ${said}`);
  }
  if (word !== 'COPY') return;
  const given = words(rest);
  const staged = given.some((each) => each.startsWith('--from='));
  const paths = given.filter((each) => !each.startsWith('--'));
  const target = paths.pop() ?? '';
  // WORKDIR of the first stage; the copies of the last one name whole paths.
  const at = target.startsWith('/') ? join(into, target) : join(into, 'work', target);
  for (const path of paths) {
    const source = join(staged ? from : root, path);
    const whole = path.endsWith('/') || !target.endsWith('/');
    mkdirSync(whole ? dirname(at) : at, { recursive: true });
    cpSync(source, whole ? at : join(at, basename(path)), { recursive: true, verbatimSymlinks: true });
  }
}

/** One RUN of the first stage: /work and /staged are its own, the system is this machine's. */
export function runStep(
  command: string,
  folder: string,
  args: Readonly<Record<string, string>>,
): { readonly status: number | null; readonly said: string } {
  for (const each of ['work', 'staged', 'cache']) mkdirSync(join(folder, each), { recursive: true });
  const home = process.env['HOME'] ?? '/root';
  const walls = [
    ...['/usr', '/etc', '/run', '/opt', home].flatMap((each) => ['--ro-bind-try', each, each]),
    ...['bin', 'sbin', 'lib', 'lib64'].flatMap((each) => ['--symlink', `usr/${each}`, `/${each}`]),
    ...['work', 'staged', 'cache'].flatMap((each) => ['--bind', join(folder, each), `/${each}`]),
    ...words('--proc /proc --dev /dev --tmpfs /tmp --chdir /work --die-with-parent'),
    ...Object.entries({ npm_config_cache: '/cache', ...args }).flatMap(([name, value]) => [
      '--setenv',
      name,
      value,
    ]),
  ];
  // What a run of tests puts into the environment for its children is none of the recipe's business.
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const ended = spawnSync('bwrap', [...walls, '/bin/sh', '-c', command], {
    encoding: 'utf8',
    env,
    timeout: 280_000,
  });
  return { status: ended.status, said: `${ended.stdout}${ended.stderr}` };
}

/** Where the base image has its C library: empty folders here, filled from this machine when the image starts. */
function standInForBase(files: string): void {
  for (const each of ['usr/lib', 'usr/lib64', 'etc', 'proc', 'dev', 'tmp']) {
    mkdirSync(join(files, each), { recursive: true });
  }
  for (const each of ['lib', 'lib64']) {
    if (!existsSync(join(files, each))) symlinkSync(`usr/${each}`, join(files, each));
  }
}

function startImage(
  files: string,
  given: readonly string[],
  options: { readonly state: string; readonly environment: Readonly<Record<string, string>> },
): StartedImage {
  const stage = lastStage(instructions);
  const said = (word: string): string => stage.find((each) => each.word === word)?.rest ?? '';
  const variables = said('ENV')
    .split(/\s+/)
    .map((each) => each.split('='));
  const walls = [
    '--ro-bind',
    files,
    '/',
    '--bind',
    options.state,
    '/var/lib/countersign',
    ...words('--as-pid-1 --info-fd 3'),
    ...words('--ro-bind /usr/lib /usr/lib --ro-bind-try /usr/lib64 /usr/lib64 --tmpfs /tmp'),
    ...words('--proc /proc --dev /dev --unshare-all --share-net --cap-drop ALL --die-with-parent --clearenv'),
    ...words(`--uid ${user} --gid ${user} --chdir ${said('WORKDIR')}`),
    ...[...variables, ...Object.entries(options.environment)].flatMap(([name = '', value = '']) => [
      '--setenv',
      name,
      value,
    ]),
  ];
  const entry = JSON.parse(said('ENTRYPOINT')) as string[];
  const identity = process.getuid?.() === 0 ? { uid: user, gid: user } : {};
  const child = spawn('bwrap', [...walls, ...entry, ...given], {
    ...identity,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  return { child, stop: () => endProgram(child) };
}

/** Asks the first process of the container to end, as an engine does; its walls end with it. */
async function endProgram(child: ChildProcess): Promise<number | null> {
  const gone = once(child, 'exit') as Promise<[number | null]>;
  const info = child.stdio[3] as Readable;
  const told = (await info.toArray()).join('');
  process.kill((JSON.parse(told) as { 'child-pid': number })['child-pid'], 'SIGTERM');
  return (await gone)[0];
}

function words(line: string): string[] {
  return line.split(/\s+/);
}
