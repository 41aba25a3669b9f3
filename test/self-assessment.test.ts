import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mayBeSkipped, problemOf } from './shown-by.ts';

const folder = join(import.meta.dirname, '../docs/security');

/** Each page with the ids that its source has: a row that is left out would be a claim as well. */
const pages: Readonly<Record<string, readonly string[]>> = {
  'owasp-mcp-top-10.md': numbered('MCP0', 9).concat('MCP10'),
  'aisvs-c10.md': [
    numbered('10.1.', 2),
    numbered('10.2.', 14),
    numbered('10.3.', 6).filter((id) => id !== '10.3.1' && id !== '10.3.3'),
    numbered('10.4.', 11),
    numbered('10.5.', 3),
    numbered('10.6.', 4),
  ].flat(),
  'cosai.md': [
    ...'client-auth agent-id user credentials tools scopes delegation binding'.split(' ').flatMap(both),
    ...'human transport origin payload integrity logging definitions'.split(' ').flatMap(both),
    ...'issuer audience passthrough header-body isolation supply'.split(' ').map((name) => `${name} L3`),
    ...'schemas output cache ssrf handles'.split(' ').map((name) => `${name} L3`),
  ],
  'nsa.md': numbered('R', 9),
  'ten-laws.md': numbered('law ', 10),
  'oauth-pitfalls.md': numbered('P', 22),
};

interface Row {
  readonly id: string;
  readonly standing: string;
  /** Tests, and what is said besides. */
  readonly cells: readonly string[];
}

for (const [page, ids] of Object.entries(pages)) {
  test(`S6 ${page} has a row for each item of its source, and no other`, () => {
    const found = rowsOf(page).map(({ id }) => id);
    assert.deepEqual(found.toSorted(), ids.toSorted());
  });

  test(`S6 every row of ${page} names tests that exist and run everywhere, or says what is not there`, () => {
    assert.deepEqual(
      rowsOf(page).flatMap((row) => problemsOf(row).map((problem) => `${row.id}: ${problem}`)),
      [],
    );
  });
}

test('S6 every page of the self-assessment is checked here, and the first names them all', () => {
  const tables = readdirSync(folder).filter((page) => read(page).includes('| standing | shown by'));
  assert.deepEqual(tables.toSorted(), Object.keys(pages).toSorted());
  const first = read('self-assessment.md');
  for (const page of tables) assert.ok(first.includes(`docs/security/${page}`), page);
});

test('S6 the first page counts the rows of the others', () => {
  const counted = Object.keys(pages).map((page) => {
    const of = (standing: string): number => rowsOf(page).filter((row) => row.standing === standing).length;
    return `| \`docs/security/${page}\` | ${of('yes')} | ${of('partly')} | ${of('not yet')} | ${of('not ours')} |`;
  });
  const first = read('self-assessment.md').split('\n');
  assert.deepEqual(
    first.filter((line) => line.startsWith('| `docs/security/')),
    counted,
  );
});

test('S6 every threat of the threat model names a test that exists and runs, and what is left', () => {
  const rows = [...read('threat-model.md').matchAll(/^\| T(\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$/gm)];
  assert.ok(rows.length >= 15, `${rows.length}`);
  const wrong = rows.flatMap(([, number, , , shown = '', left = '']) => {
    const problems = shown.split('<br>').map((cell) => (cell.startsWith('not yet') ? null : problemOf(cell)));
    return [...problems, left === '–' ? 'nothing is said to be left' : null]
      .filter((problem) => problem !== null)
      .map((problem) => `T${number}: ${problem}`);
  });
  assert.deepEqual(wrong, []);
});

function problemsOf({ standing, cells }: Row): readonly string[] {
  const tests = cells.filter((cell) => cell.startsWith('`'));
  const words = cells.filter((cell) => !cell.startsWith('`'));
  const skipped = tests.filter(mayBeSkipped).map((cell) => `${cell} may be skipped`);
  const found = [...tests.map(problemOf).filter((problem) => problem !== null), ...skipped];
  switch (standing) {
    case 'yes':
      return words.length === 0 && tests.length > 0 ? found : ['"yes" is for what tests show, and all of it'];
    case 'partly':
      return words.length === 1 && words[0]?.startsWith('Lacks: ') && tests.length > 0
        ? found
        : ['"partly" names tests, and last what it lacks'];
    case 'not yet':
      return words.length === 1 && tests.length === 0 ? [] : ['"not yet" says what is not there'];
    case 'not ours':
      return words.length === 1 && words[0]?.startsWith('because ')
        ? found
        : ['"not ours" says because of what'];
    default:
      return [`"${standing}" is no standing`];
  }
}

function rowsOf(page: string): readonly Row[] {
  return [...read(page).matchAll(/^\| (?!id |-)(.+?) \| .+? \| (.+?) \| (.+) \|$/gm)].map(
    ([, id = '', standing = '', shown = '']) => ({ id, standing, cells: shown.split('<br>') }),
  );
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}

function both(control: string): readonly string[] {
  return [`${control} L3`, `${control} L4`];
}

function read(page: string): string {
  return readFileSync(join(folder, page), 'utf8');
}
