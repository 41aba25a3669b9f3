import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chooseRuntime, oldestRuntime } from './choose-runtime.ts';

test('U1 a Node.js that is too old hands over to the one that came with the packages', () => {
  const bundled = (): string => '/packages/node';
  assert.equal(chooseRuntime('26.10.0', bundled), 'this');
  assert.equal(chooseRuntime(`${oldestRuntime}.0.0`, bundled), 'this');
  assert.equal(chooseRuntime(`${oldestRuntime - 1}.11.1`, bundled), '/packages/node');
  assert.equal(chooseRuntime('20.20.2', bundled), '/packages/node');
  assert.equal(
    chooseRuntime('20.20.2', () => null),
    null,
  );
});

test('U1 package.json asks for the same Node.js as the program does', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string };
  };
  assert.equal(manifest.engines.node, `>=${oldestRuntime}`);
});
