import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches } from './match-output.ts';
import { readScript, splitWords } from './read-script.ts';

test('an expectation matches its own text and nothing else', () => {
  assert.ok(matches('a.b\n(c)', 'a.b\n(c)'));
  assert.ok(!matches('a.b', 'axb'));
  assert.ok(!matches('a', 'a\nb'));
  assert.ok(!matches('', 'a'));
  assert.ok(!matches('a', ''));
});

test('[..] stands for text within one line, a line of three dots for lines', () => {
  assert.ok(matches('version [..] (Node)', 'version 1.2 (Node)'));
  assert.ok(!matches('a [..] b', 'a x\ny b'));
  assert.ok(matches('first\n...\nlast', 'first\nx\ny\nlast'));
  assert.ok(!matches('first\n...\nlast', 'first\nx\ny\nlost'));
});

test('a script is commands with their output, comments and files', () => {
  const script = readScript('# about\n$ countersign a\nout\n\n# more\n$ countersign b\n-- x/y --\ntext\n');
  assert.deepEqual(script, {
    steps: [
      { line: 2, command: 'countersign a', expected: 'out' },
      { line: 6, command: 'countersign b', expected: '' },
    ],
    files: { 'x/y': 'text\n' },
  });
  assert.throws(() => readScript('out\n$ countersign a\n'));
  assert.deepEqual(splitWords(`A=b c "d e" 'f "g"' h"i j"k`), ['A=b', 'c', 'd e', 'f "g"', 'hi jk']);
});
