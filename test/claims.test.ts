import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { problemOf } from './shown-by.ts';

const root = join(import.meta.dirname, '..');

/** One row of a page: what is claimed under which heading, and the test or command that shows it. */
interface Row {
  readonly heading: string;
  readonly claim: string;
  readonly shown: string;
}

for (const { page, least } of [
  { page: 'docs/claims.md', least: 80 },
  { page: 'docs/traps.md', least: 20 },
]) {
  test(`every row of ${page} names a test or a command that exists and that the suite runs`, () => {
    const rows = rowsOf(page);
    assert.ok(rows.length >= least, 'the table was not found');
    const wrong = rows.flatMap(({ claim, shown }) => {
      const problem = problemOf(shown);
      return problem === null ? [] : [`${claim}: ${problem}`];
    });
    assert.deepEqual(wrong, []);
  });
}

test('every claim under the name of a document is quoted from it', () => {
  const quoted = rowsOf('docs/claims.md').filter(({ heading }) => heading.endsWith('.md'));
  const documents = new Set(quoted.map(({ heading }) => heading));
  assert.ok(documents.size >= 8, [...documents].join());
  const texts = new Map([...documents].map((document) => [document, plain(read(document))]));
  const wrong = quoted.filter(({ heading, claim }) => !texts.get(heading)?.includes(plain(claim)));
  assert.deepEqual(wrong, []);
});

test('every promise of the README and of SECURITY.md is among the claims', () => {
  const rows = rowsOf('docs/claims.md');
  const promises = {
    'README.md': [...read('README.md').matchAll(/^- \*\*(.+?)\*\*.*(?:\n {2}.*)*/gm)],
    'SECURITY.md': [...read('SECURITY.md').matchAll(/^\| (?!promise|-)(.+?) \| .+ \|$/gm)],
  };
  for (const [document, found] of Object.entries(promises)) {
    assert.ok(found.length >= 5, `${document}: no promises were found`);
    const claims = rows.filter(({ heading }) => heading === document).map(({ claim }) => plain(claim));
    const unclaimed = found.filter(([text]) => !claims.some((claim) => plain(text).includes(claim)));
    assert.deepEqual(
      unclaimed.map(([, promise]) => promise),
      [],
      document,
    );
  }
});

function rowsOf(page: string): readonly Row[] {
  let heading = '';
  return read(page)
    .split('\n')
    .flatMap((line) => {
      heading = /^## (.+)$/.exec(line)?.[1] ?? heading;
      const [, claim, shown] = /^\| (?!claim|trap \||-)(.+?) \| (.+?) \|$/.exec(line) ?? [];
      return claim && shown ? [{ heading, claim, shown }] : [];
    });
}

/** A document without line breaks and emphasis. */
function plain(text: string): string {
  return text.replaceAll('**', '').replaceAll(/\s+/g, ' ');
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
