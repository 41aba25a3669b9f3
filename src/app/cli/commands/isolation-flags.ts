import { resolve } from 'node:path';
import type { Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import { digestOf } from '../../../upstream/isolation/digest-of-files.ts';
import type { CommandInput, Flag } from '../command.ts';

/** How a started server is kept apart from the machine (`docs/isolation.md`). */
export const isolationFlags: readonly Flag[] = [
  {
    name: 'isolation',
    kind: 'text',
    meaning: 'what a started server is kept apart by; none is no isolation at all',
    choices: ['bubblewrap', 'podman', 'docker', 'none'],
  },
  { name: 'image', kind: 'text', meaning: 'the image that podman or docker runs, by digest' },
  { name: 'network', kind: 'switch', meaning: 'let a started server use the network; it has none otherwise' },
  {
    name: 'allow-read',
    kind: 'list',
    placeholder: 'path',
    meaning: 'what a started server sees and cannot change',
  },
  { name: 'allow-write', kind: 'list', placeholder: 'path', meaning: 'what a started server may change' },
  {
    name: 'limit',
    kind: 'list',
    placeholder: 'name=number',
    meaning: 'what it may use up: memoryBytes, processes, cpuSeconds, openFiles or fileBytes',
  },
  {
    name: 'without',
    kind: 'list',
    placeholder: 'wall',
    meaning: 'start it even where the machine lacks this: namespaces, seccomp or limits',
  },
  {
    name: 'pin',
    kind: 'list',
    placeholder: 'path',
    meaning: 'a file or folder that has to be as it is now, here, whenever the server is started',
  },
];

/** The `isolation` of a definition; null when nothing was said of it. */
export async function isolationOf(input: CommandInput): Promise<Json> {
  const by = input.text('isolation');
  const image = input.text('image');
  const paths = (flag: string): readonly string[] => input.list(flag).map((path) => resolve(path));
  const said = {
    ...(by !== null && { by }),
    ...(image !== null && { image }),
    ...(input.on('network') && { network: true }),
    ...unlessEmpty('read', paths('allow-read')),
    ...unlessEmpty('write', paths('allow-write')),
    ...unlessEmpty('without', input.list('without')),
    ...(input.list('limit').length > 0 && { limits: limitsOf(input.list('limit')) }),
    ...(input.list('pin').length > 0 && { digests: await digestsOf(paths('pin')) }),
  };
  return Object.keys(said).length === 0 ? null : said;
}

function unlessEmpty(name: string, values: readonly string[]): Record<string, readonly string[]> {
  return values.length === 0 ? {} : { [name]: values };
}

function limitsOf(given: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    given.map((pair) => {
      const [, name, value] = /^(\w+)=(\d{1,15})$/.exec(pair) ?? [];
      if (name === undefined) throw new Fault('usage', `--limit takes name=number, not "${pair}".`);
      return [name, Number(value)];
    }),
  );
}

async function digestsOf(paths: readonly string[]): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const path of paths) digests[path] = await digestOf(path);
  return digests;
}

/** Paths in a command that an isolated server would look for and not find: a hint, since not everything with a slash is a path. */
export function unseenPaths(input: CommandInput): string {
  const by = input.text('isolation');
  if (by === 'none' || by === 'podman' || by === 'docker' || input.text('url') !== null) return '';
  const shown = [...input.list('allow-read'), ...input.list('allow-write')].map(
    (path) => `${resolve(path)}/`,
  );
  const [, ...words] = input.words('command');
  const unseen = words.filter(
    (word) =>
      /^\/[^/]/.test(word) &&
      !/^\/(usr|bin|tmp|dev)\b/.test(word) &&
      !shown.some((path) => `${word}/`.startsWith(path)),
  );
  if (unseen.length === 0) return '';
  return ` It sees no ${unseen.join(', no ')}: say --allow-read or --allow-write for what it needs, with --replace.`;
}
