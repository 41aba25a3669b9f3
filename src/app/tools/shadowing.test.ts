import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkName, requireName } from './shadowing.ts';

const servers = ['files', 'mail', 'web'];
const known = [
  { server: 'files', tool: 'search' },
  { server: 'files', tool: 'list_all' },
  { server: 'mail', tool: 'send' },
];
const refusalOf = (tool: string, server = 'web'): string | null =>
  checkName({ server, tool }, known, servers).refused;

test('A5 attack, homoglyphs: a name that looks like that of another tool and is not it is refused', () => {
  for (const name of [
    'se\u0430rch',
    'sear\u03f2h',
    'ѕеагсһ',
    'list_a11',
    'Iist_all',
    'list_aII',
    'ѕend',
    's\u0435nd',
  ])
    assert.notEqual(refusalOf(name), null, name);
  // Also beside one of the same server.
  assert.notEqual(refusalOf('list_aIl', 'files'), null);
});

test('A5 attack, hidden characters: a name with what nobody can see, or of mixed scripts, is refused by itself', () => {
  const hidden = [
    '\u200b',
    '\u200d',
    '\u2060',
    '\ufeff',
    '\u00ad',
    '\u202e',
    '\u{e0041}',
    '\u3164',
    '\u180e',
    '\u034f',
  ];
  for (const character of hidden) {
    for (const name of [`fetch${character}`, `${character}fetch`, `fe${character}tch`])
      assert.notEqual(refusalOf(name), null, JSON.stringify(name));
  }
  for (const name of ['', ' fetch', 'fetch ', 'fe\ttch', 'fe\u0442ch', 'ｆetch', 'fetch\u2028'])
    assert.notEqual(refusalOf(name), null, JSON.stringify(name));
});

test('A5 attack, shadowing: a name that begins like the exposed name of another server is refused', () => {
  for (const name of ['files__read', 'FILES__read', 'fi1es__read', 'mcp__mail__send'])
    assert.notEqual(refusalOf(name), null, name);
  assert.equal(refusalOf('web__read'), null);
  assert.equal(refusalOf('read__files'), null);
});

test('A5 benign: equal names of two servers, however they are written, take a word; other names take none', () => {
  for (const tool of ['search', 'Search', 'list-all', 'listAll']) {
    const check = checkName({ server: 'web', tool }, known, servers);
    assert.equal(check.refused, null, tool);
    assert.match(check.doubtful ?? '', /its name is also that of "(search|list_all)" of files/);
    assert.throws(() => requireName({ server: 'web', tool }, check, false), { code: 'name_refused' });
    requireName({ server: 'web', tool }, check, true);
  }
  for (const tool of ['fetch', 'search_web', 'suche', 'поиск', '検索', 'get_forecast_v2', 'searches'])
    assert.deepEqual(
      checkName({ server: 'web', tool }, known, servers),
      { refused: null, doubtful: null },
      tool,
    );
  // A tool is not beside itself.
  assert.equal(checkName({ server: 'mail', tool: 'send' }, known, servers).doubtful, null);
});
