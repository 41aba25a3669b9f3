import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { readSigningServers } from './signed-calls-file.ts';

test('O9 signed-calls.yaml names the servers whose calls have to be signed', () => {
  const read = (text: string): readonly string[] => [...readSigningServers('signed-calls.yaml', text)];
  assert.deepEqual(read('required: [billing, files]'), ['billing', 'files']);
  assert.deepEqual(read('{}'), []);
});

for (const [text, near] of [
  ['requird: [billing]', 'required'],
  ['required: billing', 'line 1: required must be a list'],
  ['required: [1]', 'line 1: required.0 must be text'],
  ['[billing]', 'a group of settings'],
] as const) {
  test(`O9 ${JSON.stringify(text)} is refused whole, with its line or the name that is meant`, () => {
    assert.throws(
      () => readSigningServers('signed-calls.yaml', text),
      (error) => error instanceof Fault && error.code === 'config_invalid' && error.message.includes(near),
    );
  });
}
