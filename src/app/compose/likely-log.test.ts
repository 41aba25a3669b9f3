import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutLikelySecrets } from './likely-log.ts';

test('S2 a line of the log holds nothing that looks like a secret, whoever it is of', () => {
  const lines: string[] = [];
  const log = withoutLikelySecrets((line) => void lines.push(line));
  log('Server files: login of bob with password=hunter2x failed');
  log('Server files: GET https://bot:9f8a7b6c@git.example/x.git ü');
  log('Server files is reachable again.');
  assert.deepEqual(lines, [
    'Server files: login of bob with password=[secret] failed',
    'Server files: GET https://bot:[secret]@git.example/x.git ü',
    'Server files is reachable again.',
  ]);
});
