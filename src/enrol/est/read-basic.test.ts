import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBasic } from './read-basic.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const refused = { name: 'Fault', code: 'join_token_invalid' };

test('I3 HTTP Basic is a user up to the first colon and a password behind it', () => {
  assert.equal(readBasic(null), null);
  assert.deepEqual(readBasic(basic('ci-bot:cst_a_b')), { user: 'ci-bot', password: 'cst_a_b' });
  assert.deepEqual(readBasic(basic('ci-bot:a:b').replace('Basic', 'bAsIc')), {
    user: 'ci-bot',
    password: 'a:b',
  });
  assert.deepEqual(readBasic(basic('ü:')), { user: 'ü', password: '' });
});

const wrong: Readonly<Record<string, string>> = {
  'another scheme': 'Bearer abc',
  nothing: '',
  'no user': basic(':secret'),
  'no colon': basic('secret'),
  'no base64': 'Basic !!!!',
  'base64 that another text would give': 'Basic YTpiY=',
  'no UTF-8': `Basic ${Buffer.from([0xff, 0x3a, 0x61]).toString('base64')}`,
  'too much': basic(`a:${'b'.repeat(2_000)}`),
};
for (const [what, header] of Object.entries(wrong)) {
  test(`I3 HTTP Basic with ${what} is refused`, () => {
    assert.throws(() => readBasic(header), refused);
  });
}
