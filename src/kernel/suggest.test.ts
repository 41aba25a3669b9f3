import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suggest } from './suggest.ts';

test('U9 suggests the nearest name for a slip and nothing for a stranger', () => {
  assert.equal(suggest('agnet', ['agent', 'server']), 'agent');
  assert.equal(suggest('listners', ['listeners', 'limits']), 'listeners');
  assert.equal(suggest('frobnicate', ['agent', 'server']), null);
});
