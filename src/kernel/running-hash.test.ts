import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Base64url, utf8 } from './bytes.ts';
import { RunningHash } from './running-hash.ts';

for (const pieces of [[], ['one'], ['one', ' and', ' more'], ['', 'after nothing']]) {
  test(`A2 the hash of ${pieces.length} pieces is that of the whole: ${JSON.stringify(pieces)}`, () => {
    const running = new RunningHash();
    for (const piece of pieces) running.update(utf8(piece));
    assert.equal(running.digest(), sha256Base64url(pieces.join('')));
  });
}
