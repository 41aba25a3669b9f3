import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createRedactor } from '../redact.ts';

const secret = 'hJ7$kq/Zp+0w"Lm\\x';
const octets = Buffer.from(secret);

function hexUnits(text: string, upper = false): string {
  return Array.from(text)
    .map((character) => {
      const hex = character.charCodeAt(0).toString(16).padStart(4, '0');
      return `\\u${upper ? hex.toUpperCase() : hex}`;
    })
    .join('');
}
function percentAll(text: string, upper = true): string {
  const hex = Buffer.from(text).toString('hex');
  return (upper ? hex.toUpperCase() : hex).replace(/../g, '%$&');
}
const html = (text: string): string => text.replace(/[&<>"'/+$]/g, (one) => `&#${one.charCodeAt(0)};`);

/** Every way of writing the secret that S2 names, as a text that has it and nothing else between bars. */
const forms: Readonly<Record<string, string>> = {
  raw: secret,
  'base64, first place': octets.toString('base64'),
  'base64, second place': Buffer.from(`u${secret}`).toString('base64'),
  'base64, third place': Buffer.from(`us${secret}tail`).toString('base64'),
  base64url: octets.toString('base64url'),
  'base64url, third place': Buffer.from(`u:${secret}`).toString('base64url'),
  'base64 with escaped slashes': octets.toString('base64').replaceAll('/', '\\/'),
  'base64 in a URL': encodeURIComponent(octets.toString('base64')),
  'base64 in lines': octets.toString('base64').replace(/.{6}/g, '$&\n'),
  'base64 in lines, in JSON': JSON.stringify(octets.toString('base64').replace(/.{6}/g, '$&\r\n')),
  'hexadecimal, lower case': octets.toString('hex'),
  'hexadecimal, upper case': octets.toString('hex').toUpperCase(),
  'hexadecimal, mixed case': octets.toString('hex').replace(/[a-f]/, (one) => one.toUpperCase()),
  'percent, what has to be': encodeURIComponent(secret),
  'percent, what has to be, lower case': encodeURIComponent(secret).replace(/%../g, (one) =>
    one.toLowerCase(),
  ),
  'percent, all': percentAll(secret),
  'percent, all, lower case': percentAll(secret, false),
  'percent twice': encodeURIComponent(encodeURIComponent(secret)),
  JSON: JSON.stringify(secret),
  'JSON, all': hexUnits(secret),
  'JSON, all, upper case': hexUnits(secret, true),
  'JSON, one character': hexUnits(secret.slice(0, 1)) + JSON.stringify(secret.slice(1)).slice(1, -1),
  'JSON in JSON': JSON.stringify(JSON.stringify(secret)),
  'JSON in JSON in JSON': JSON.stringify(JSON.stringify(JSON.stringify(secret))),
  'percent in JSON': JSON.stringify(`https://x/?key=${percentAll(secret)}`),
  'HTML, by number': html(secret),
  'HTML, by hexadecimal number': Array.from(secret)
    .map((one) => `&#x${one.charCodeAt(0).toString(16)};`)
    .join(''),
  'HTML, by name': secret.replaceAll('"', '&quot;').replaceAll('+', '&plus;').replaceAll('$', '&dollar;'),
  'C escapes': [...octets].map((octet) => `\\x${octet.toString(16)}`).join(''),
};

for (const [name, form] of Object.entries(forms)) {
  test(`S2 finds a secret that is written as ${name}`, () => {
    const redactor = createRedactor();
    redactor.learn(secret);
    const left = redactor.redact(`before |${form}| after`);
    assert.match(left, /^before \|.*\[secret\].*\| after$/s);
    const between = left.slice('before |'.length, -'| after'.length).replace('[secret]', '');
    assert.ok(between.length <= 30, `${between} is left of ${form}`);
  });
}

test('S2 whatever a stream is cut into, what comes out is the same and holds no form of the secret', () => {
  const text = Object.values(forms).join(' some text between \\u00e4 %20 &amp; \n and\n\n more, hJ7$kq not ');
  for (const form of ['text', 'json'] as const) {
    const redactor = createRedactor();
    redactor.learn(secret);
    redactor.learn('and\n more than this'.repeat(60));
    const whole = redactor.stream(form);
    const expected = Buffer.concat([whole.push(Buffer.from(text)), whole.end()]).toString();
    for (const one of Object.values(forms)) assert.ok(!expected.includes(one), one);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 40 }), (cuts) => {
        const stream = redactor.stream(form);
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        const pieces = places
          .slice(1)
          .map((end, index) => stream.push(Buffer.from(text).subarray(places[index], end)));
        assert.equal(Buffer.concat([...pieces, stream.end()]).toString(), expected);
        assert.equal(stream.marks, whole.marks);
      }),
      { numRuns: 300 },
    );
    for (let at = 0; at < text.length; at++) {
      const stream = redactor.stream(form);
      const pieces = [stream.push(Buffer.from(text.slice(0, at))), stream.push(Buffer.from(text.slice(at)))];
      assert.equal(Buffer.concat([...pieces, stream.end()]).toString(), expected, `cut at ${at}`);
    }
  }
});

test('S2 octet for octet, and from generated secrets and texts, the pieces of a stream say what the whole says', () => {
  const unit = fc.constantFrom(
    'a',
    'b',
    '\\',
    '"',
    '%',
    '4',
    '1',
    'u',
    '0',
    '&',
    '#',
    ';',
    '\n',
    'amp;',
    'x',
    '\\n',
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(unit, { minLength: 8, maxLength: 20 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.oneof(unit, fc.nat(3)), { maxLength: 60 }),
      fc.constantFrom('text' as const, 'json' as const),
      fc.array(fc.nat(200), { maxLength: 8 }),
      (secrets, parts, form, cuts) => {
        const redactor = createRedactor();
        const values = secrets.map((one) => one.join(''));
        for (const value of values) redactor.learn(value);
        const text = parts
          .map((part) =>
            typeof part === 'string' ? part : wrapped(values[part % values.length] ?? '', part),
          )
          .join('');
        const all = Buffer.from(text);
        const whole = redactor.stream(form);
        const expected = Buffer.concat([whole.push(all), whole.end()]).toString();
        const places = [0, ...cuts.map((cut) => cut % (all.length + 1)).sort((a, b) => a - b), all.length];
        const stream = redactor.stream(form);
        const pieces = places.slice(1).map((end, index) => stream.push(all.subarray(places[index], end)));
        assert.equal(Buffer.concat([...pieces, stream.end()]).toString(), expected);
        if (form === 'text') assert.equal(redactor.redact(text), expected);
      },
    ),
    { numRuns: 3_000 },
  );
});

function wrapped(value: string, how: number): string {
  if (how === 0) return value;
  if (how === 1) return JSON.stringify(value);
  return how === 2 ? encodeURIComponent(value) : hexUnits(value);
}
