import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scopeWords, type ServerWords, toolWords } from './scope-words.ts';

const files: ServerWords = {
  name: 'files',
  description: null,
  needs: [
    { scope: 'files:read', what: { kind: 'everything' } },
    { scope: 'files:write', what: { kind: 'tools', names: ['write_file', 'move_*'] } },
    { scope: 'files:write', what: { kind: 'methods', names: ['resources/subscribe'] } },
  ],
  tools: ['read_file'],
};

test('O2 every scope that a person is asked for has words: what it is needed for, and where', () => {
  const said = (scope: string): string => scopeWords(scope, [files]).text;
  assert.match(said('openid'), /know who you are/);
  assert.match(said('offline_access'), /while you are away/);
  assert.match(said('mcp'), /call its tools/);
  assert.match(
    said('files:read'),
    /^use files at all: every request there needs this \(<code>files:read<\/code>\)$/,
  );
  assert.match(said('files:write'), /use write_file, move_\* of files; ask files for resources\/subscribe/);
  assert.match(said('other'), /none of these servers asks for it/);
  assert.doesNotMatch(said('<b>toString'), /<b>/);
  assert.match(said('toString'), /none of these servers/);
});

test('O2 the tools are listed as names, a page full of them at the most', () => {
  assert.match(toolWords(files).text, /files: <code>read_file<\/code>/);
  const many = Array.from({ length: 50 }, (_, at) => `<i>${at}`);
  const { text } = toolWords({ ...files, tools: many });
  assert.match(text, /and 10 more/);
  assert.doesNotMatch(text, /<i>/);
});
