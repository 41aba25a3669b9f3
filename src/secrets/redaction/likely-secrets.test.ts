import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { KeywordIndex } from './keyword-index.ts';
import { LikelySecrets } from './likely-secrets.ts';
import { LikelyCuts } from './likely-cuts.ts';

const secrets = new LikelySecrets();
const left = (text: string, form: 'text' | 'json' = 'text'): string =>
  Buffer.from(new LikelyCuts(secrets, form).whole(Buffer.from(text))).toString();

test('S2 what stands where secrets stand is cut out: headers, keys, addresses, members with telling names', () => {
  for (const [text, expected] of [
    ['Authorization: Bearer abcDEF123456789012345', 'Authorization: Bearer [secret]'],
    ['{"authorization":"Basic dXNlcjpwYXNzd29yZDEy"}', '{"authorization":"Basic [secret]"}'],
    ['curl -H "x-api-key: k9f8e7d6"', 'curl -H "x-api-key: [secret]"'],
    ['DB=postgres://bob:s3cr3tpw@db/x', 'DB=postgres://bob:[secret]@db/x'],
    ['password=hunter2x next', 'password=[secret] next'],
    ['{"user":{"Password": "correct horse battery"}}', '{"user":{"Password": "[secret]"}}'],
    [
      '{"text":"{\\"db_password\\": \\"hunter2!x\\", \\"n\\":1}"}',
      '{"text":"{\\"db_password\\": \\"[secret]\\", \\"n\\":1}"}',
    ],
    ["client_secret: '9f8a7b6c5d4e3f2a1b0c'", "client_secret: '[secret]'"],
    ['export API_KEY=9f8a7b6c5d4e3f2a1b0c', 'export API_KEY=[secret]'],
    ['https://x/?access_token=9f8a7b6c5d4e3f2a&n=1', 'https://x/?access_token=[secret]&n=1'],
    ['a -----BEGIN EC PRIVATE KEY-----\nMIIab+c\ndef==\n-----END EC PRIVATE KEY----- b', 'a [secret] b'],
    ['"-----BEGIN PRIVATE KEY-----\\nMIIabc\\ndef"', '"[secret]"'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U', '[secret]'],
  ] as const) {
    assert.equal(left(text), expected);
  }
});

test('S2 tokens of services are cut out by the rules of gitleaks', () => {
  for (const token of [
    'ghp_1234567890abcdefghijABCDEFGHIJ123456',
    'AKIAQ3EGRIZ4ZKVTJ5MB',
    'xoxb-263594206564-2343594206564-FGqddMF8t08v8N7Oq4i57vs1',
    'glpat-3Fk9Zq2LmX7vBn4TsWyR',
    'npm_8Hs2Kd9Lq4Xz7Vb1Nm6Tp3Wy5Rc0Jg2Fe8Ua',
  ]) {
    assert.equal(left(`the token ${token} is "${token}"`), 'the token [secret] is "[secret]"', token);
  }
});

test('S2 what only looks a little like a secret stays: names of kinds, cursors, placeholders, references, digests', () => {
  for (const text of [
    '{"token_type":"Bearer","nextPageToken":"abc123def456ghi7","max_tokens":4096}',
    'password: string; token = process.env.TOKEN_2; secret=env:API_KEY1',
    'api_key=YOUR_API_KEY_1 api_key="<your key 1234>" password=********',
    'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'https://example.org:8443/a@b?x=1 and mailto:bob@example.org',
    '-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----',
    'the bearer of this letter; basic instructions; authorization is required',
    '8c6f4c1e-2d7a-4a5b-9a1e-0f1e2d3c4b5a',
  ]) {
    assert.equal(left(text), text);
  }
});

test('S2 an event stream is cut event by event, however it comes, and its JSON stays whole', () => {
  const events = `data: ${JSON.stringify({ a: 'password=hunter2x', b: ['ghp_1234567890abcdefghijABCDEFGHIJ123456'] })}\n\ndata: {"c":1}\n\n: end`;
  const expected = `data: ${JSON.stringify({ a: 'password=[secret]', b: ['[secret]'] })}\n\ndata: {"c":1}\n\n: end`;
  for (let at = 0; at <= events.length; at++) {
    const cuts = new LikelyCuts(secrets, 'json');
    const pieces = [events.slice(0, at), events.slice(at)].map((piece) => cuts.push(Buffer.from(piece)));
    assert.equal(Buffer.concat([...pieces, cuts.end()]).toString(), expected, `cut at ${at}`);
    assert.equal(cuts.marks, 2);
  }
});

test('S2 of an event of megabytes a window is held, and a token on the edge of one is found', () => {
  const cuts = new LikelyCuts(secrets, 'text');
  const token = 'ghp_1234567890abcdefghijABCDEFGHIJ123456';
  const filler = `${'some words '.repeat(3_000)}${token} `;
  let out = '';
  for (let piece = 0; piece < 90; piece++) {
    out += Buffer.from(cuts.push(Buffer.from(filler))).toString();
    assert.ok(piece * filler.length - out.length < 1_200_000);
  }
  out += Buffer.from(cuts.end()).toString();
  assert.equal(out.split('[secret]').length, 91);
  assert.ok(!out.includes('ghp_'));
});

test('finds every word at every place, whatever its case, as looking for each by itself does', () => {
  const letter = fc.constantFrom('a', 'b', 'c', '-');
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.array(letter, { minLength: 1, maxLength: 4 }).map((word) => word.join('')),
        { minLength: 1, maxLength: 8 },
      ),
      fc.array(fc.oneof(letter, fc.constantFrom('A', 'B', 'x'))).map((text) => text.join('')),
      (words, text) => {
        const found: string[] = [];
        new KeywordIndex(words).scan(Buffer.from(text), (word, end) => found.push(`${word} ${end}`));
        const expected = words.flatMap((word, number) =>
          Array.from({ length: text.length }, (_, at) => at)
            .filter((at) => text.toLowerCase().startsWith(word, at))
            .map((at) => `${number} ${at + word.length}`),
        );
        assert.deepEqual(found.sort(), expected.sort());
      },
    ),
  );
});
