import { basename } from 'node:path';

/** A launcher that fetches what it runs, and where its arguments name the package. */
interface Launcher {
  /** Words behind the program that come before the package, such as `dlx`. */
  readonly words: readonly string[];
  /** Flags that have a value of their own. */
  readonly valued: readonly string[];
  /** Flags whose value is the package. */
  readonly named: readonly string[];
  readonly isPinned: (spec: string) => boolean;
  /** The same with a version. */
  readonly pinned: (name: string) => string;
}

const exactVersion = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const npm = {
  valued: ['-c', '--call', '--registry', '--cache', '--prefix', '-w', '--workspace'],
  named: ['-p', '--package'],
  isPinned: (spec: string) =>
    isLocal(spec) || exactVersion.test(/^(?:@[^/@]+\/)?[^@]+@(.+)$/.exec(spec)?.[1] ?? ''),
  pinned: (name: string) => `${name}@<version>, such as ${name}@1.2.3`,
};
const python = {
  valued: ['--python', '-p', '--index-url', '--index', '--with', '--pip-args'],
  named: ['--from', '--spec'],
  isPinned: (spec: string) => isLocal(spec) || /^[^=@\s]+(==|@)\d[0-9A-Za-z.!+]*$/.test(spec),
  pinned: (name: string) => `${name}==<version>, such as ${name}==1.2.3`,
};

const launchers: Readonly<Record<string, readonly Launcher[]>> = {
  npx: [{ words: [], ...npm }],
  npm: [
    { words: ['exec'], ...npm },
    { words: ['x'], ...npm },
  ],
  pnpx: [{ words: [], ...npm }],
  pnpm: [{ words: ['dlx'], ...npm }],
  yarn: [{ words: ['dlx'], ...npm }],
  bunx: [{ words: [], ...npm }],
  bun: [{ words: ['x'], ...npm }],
  uvx: [{ words: [], ...python }],
  uv: [{ words: ['tool', 'run'], ...python }],
  pipx: [{ words: ['run'], ...python }],
};

/** What a launcher would fetch in whatever version there is that day, with the line that pins it; null for every other command. */
export function unpinnedPackage(
  command: readonly string[],
): { readonly spec: string; readonly instead: string } | null {
  const [program = '', ...words] = command;
  const name = basename(program)
    .replace(/\.(cmd|exe|ps1)$/i, '')
    .toLowerCase();
  const launcher = launchers[name]?.find((one) => one.words.every((word, index) => words[index] === word));
  if (!launcher) return null;
  const spec = packageOf(words.slice(launcher.words.length), launcher);
  if (spec === null || launcher.isPinned(spec)) return null;
  return { spec, instead: launcher.pinned(bareName(spec)) };
}

function packageOf(words: readonly string[], { valued, named }: Launcher): string | null {
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    const [flag = '', ...value] = word.split('=');
    if (named.includes(flag)) return value.length > 0 ? value.join('=') : (words[index + 1] ?? '');
    if (valued.includes(word)) index += 1;
    else if (word === '--') return words[index + 1] ?? null;
    else if (!word.startsWith('-')) return word;
  }
  return null;
}

/** A path is what lies there: its digest can be pinned. A URL or a repository is fetched. */
function isLocal(spec: string): boolean {
  return /^(\.{0,2}\/|file:)/.test(spec);
}

function bareName(spec: string): string {
  return /^(@[^/@]+\/[^@=<>~!]+|[^@=<>~!]+)/.exec(spec)?.[1] ?? spec;
}
