import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { Command } from './command.ts';
import { completionScript, shells } from './completion.ts';

const commands = [row(['agent', 'add']), row(['agent', 'list']), row(['up']), row(['server', 'add'])];

test('U9 bash completes commands, their second words and their flags', { skip: missingBash() }, () => {
  assert.deepEqual(completeInBash(['countersign', '']), ['agent', 'server', 'up']);
  assert.deepEqual(completeInBash(['countersign', 'agent', '']), ['add', 'list']);
  assert.deepEqual(completeInBash(['countersign', 'agent', 'add', '--st']), ['--state']);
  assert.deepEqual(completeInBash(['countersign', 'agent', 'add', 'name', '--js']), ['--json']);
  assert.deepEqual(completeInBash(['countersign', 'unknown', '']), ['agent', 'server', 'up']);
});

for (const shell of shells) {
  test(`U9 the script for ${shell} names every word and flag of the table`, () => {
    const script = completionScript(shell, commands);
    for (const word of ['agent', 'add', 'list', 'server', 'up', 'state', 'json', 'help']) {
      assert.match(script, new RegExp(`\\b${word}\\b`));
    }
  });
}

function completeInBash(words: readonly string[]): readonly string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _countersign; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync('bash', ['-c', `${completionScript('bash', commands)}\n${ask}`], {
    encoding: 'utf8',
  });
  return stdout.split('\n').filter(Boolean).sort();
}

function missingBash(): string | false {
  return spawnSync('bash', ['-c', 'true']).error ? 'bash is not installed' : false;
}

function row(path: readonly string[]): Command {
  return {
    path,
    summary: `Do ${path.join(' ')}, it's safe`,
    example: `countersign ${path.join(' ')}`,
    flags: [{ name: 'state', kind: 'text', meaning: 'the agent’s state', choices: ['active', 'retired'] }],
    positionals: [],
    run: () => Promise.resolve({ text: '', json: null }),
  };
}
