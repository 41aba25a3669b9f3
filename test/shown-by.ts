import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join, matchesGlob } from 'node:path';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
/** What `npm test` runs, as it is told to the test runner. */
const run = ['test:unit', 'test:system'].flatMap((name) =>
  [...(manifest.scripts[name] ?? '').matchAll(/"([^"]+\*[^"]*)"/g)].map(([, glob = '']) => glob),
);

/** What is wrong with the name of a test or command that is to show something, or null. */
export function problemOf(shown: string): string | null {
  const command = /^`npm (?:run )?([a-z:]+)/.exec(shown)?.[1];
  if (command !== undefined) return command in manifest.scripts ? null : `there is no script ${command}`;
  const [, file = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(shown) ?? [];
  if (title === '') return 'it names neither a test nor a command';
  if (!existsSync(join(root, file))) return `there is no ${file}`;
  if (!isRun(file)) return `no suite runs ${file}`;
  return optionsOf(file, title) === null ? `${file} has no such test` : null;
}

function isRun(file: string): boolean {
  if (run.some((glob) => matchesGlob(file, glob))) return true;
  // The tests of a contract are those of each file that holds an adapter to it.
  if (!file.endsWith('.contract.ts')) return false;
  return globSync([...run], { cwd: root }).some((one) => text(one).includes(`/${basename(file)}'`));
}

/** Whether a test that exists may be left out on some machine, by its own word or by that of its group. */
export function mayBeSkipped(shown: string): boolean {
  const [, file = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(shown) ?? [];
  const groups = /\bdescribe(\.skip\(|\([^\n]*\bskip\b)/.test(text(file));
  return groups || /\b(skip|todo)\b/.test(optionsOf(file, title) ?? '');
}

/** What stands between the title of a test and its function; null without such a test. */
function optionsOf(file: string, title: string): string | null {
  // A title with ${…} in it is that of a test for each row of a table.
  for (const start of [`test('${title}'`, `test(\`${title}\``]) {
    const at = text(file).indexOf(start);
    if (at !== -1)
      return (
        text(file)
          .slice(at + start.length)
          .split('=>')[0] ?? ''
      );
  }
  return null;
}

function text(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
