import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable, printable } from './format-table.ts';

test('aligns columns under headings, with times in UTC and a dash for nothing', () => {
  const text = formatTable(
    ['name', 'roles', 'lastSeen', 'createdAt'],
    [
      { name: 'ci-bot', roles: ['builder', 'reader'], lastSeen: null, createdAt: 0 },
      { name: 'a', roles: [], lastSeen: 1_700_000_000_000 },
    ],
  );
  assert.equal(
    text,
    [
      'NAME    ROLES            LAST SEEN             CREATED AT',
      'ci-bot  builder, reader  -                     1970-01-01T00:00:00Z',
      'a       -                2023-11-14T22:13:20Z  -',
    ].join('\n'),
  );
  assert.equal(formatTable(['name'], []), '(none)');
});

test('shows what a terminal would obey instead of obeying it', () => {
  assert.equal(printable('\u001b[2Jgone\u0007'), '\\u{1b}[2Jgone\\u{7}');
  assert.equal(printable('admin\u202Enimda\u200b'), 'admin\\u{202e}nimda\\u{200b}');
  assert.equal(formatTable(['name'], [{ name: 'a\nb' }]), 'NAME\na\\u{a}b');
});
