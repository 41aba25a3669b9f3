import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToolPin, ToolState } from '../../gateway/pins/tool-pin.ts';
import { KnownPins } from './known-pins.ts';

function pin(tool: string, state: ToolState, revision = 1): ToolPin {
  return { server: 'files', tool, state, hashes: ['h'], revision };
}

test('A5 a gateway knows the newest word on every tool, also of one with a slash in its name', () => {
  const pins = new KnownPins();
  pins.replace([pin('read', 'waiting'), pin('a/b', 'approved')], false);
  pins.put('files/read', pin('read', 'approved', 2));
  assert.equal(pins.find('files', 'read')?.state, 'approved');
  assert.equal(pins.find('files', 'a/b')?.state, 'approved');
  pins.put('files/a/b', null);
  assert.equal(pins.find('files', 'a/b'), null);
  pins.replace([], false);
  assert.equal(pins.find('files', 'read'), null);
});

test('A5 attack, restored backup: what was refused or had changed stays so until the authority says otherwise', () => {
  const pins = new KnownPins();
  pins.replace([pin('read', 'refused', 3), pin('write', 'changed', 3), pin('list', 'approved', 3)], false);
  pins.replace([pin('read', 'approved'), pin('write', 'approved'), pin('list', 'approved')], true);
  assert.deepEqual(
    ['read', 'write', 'list'].map((tool) => pins.find('files', tool)?.state),
    ['refused', 'changed', 'approved'],
  );
  pins.put('files/read', pin('read', 'approved', 2));
  assert.equal(pins.find('files', 'read')?.state, 'approved');
});
