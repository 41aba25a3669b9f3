import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldLine, fieldLines, hasBareFeed, readFieldLines, refuseControls } from './field-lines.ts';
import { NotHttp } from './not-http.ts';

const tokenCharacters = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const name = fc.string({ unit: fc.constantFrom(...tokenCharacters.split('')), minLength: 1, maxLength: 20 });
const printable = Array.from({ length: 0x7f - 0x20 }, (_, at) => String.fromCharCode(0x20 + at));
const value = fc
  .string({ unit: fc.constantFrom('\t', ...printable), maxLength: 40 })
  .map((text) => text.trim());

test('T6 what is written as a field line is read back as the same name and value', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (fields) => {
      const head = `${fields.map(([field, text]) => fieldLine(field, text)).join('')}\r\n`;
      assert.deepEqual(readFieldLines(head, 0), fields.flat());
      for (const from of ['request', 'response'] as const)
        assert.doesNotThrow(() => refuseControls(head, from));
    }),
  );
});

test('T6 what would be more than one line, or none, is never written', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\r', '\n', '\0', '\x7f', '\x1f'),
      (text, control) => {
        assert.throws(() => fieldLine('x', text + control), TypeError);
        assert.throws(() => fieldLine(`x${control}`, 'y'), TypeError);
      },
    ),
  );
  for (const wrong of ['', ' x', 'x ', 'x:', 'a b', 'é'])
    assert.throws(() => fieldLine(wrong, 'y'), TypeError);
  assert.throws(() => fieldLine('x', 'beyond Latin-1: Ā'), TypeError);
});

for (const [what, line] of Object.entries({
  'no colon': 'nonsense',
  'no name': ': x',
  'a space before its colon': 'x : y',
  'a tab before its colon': 'x\t: y',
  'a space before its name': ' x: y',
  'a name that is no token': 'a(b): c',
  'a tab behind its value': 'x: y\t',
})) {
  test(`T6 a field line with ${what} is refused`, () => {
    assert.throws(() => readFieldLines(`host: a\r\n${line}\r\n\r\n`, 0), NotHttp);
  });
}

test('T6 256 field lines are read and one more is not', () => {
  const lines = (count: number): string => `${'a: b\r\n'.repeat(count)}\r\n`;
  assert.equal(readFieldLines(lines(256), 0).length, 512);
  assert.throws(() => readFieldLines(lines(257), 0), { status: 431 });
});

test('T6 control characters, bare CR and LF are refused anywhere; octets beyond ASCII in requests only', () => {
  const refused = ['a\0b', 'a\x01', 'a\x0b', 'a\x0c', 'a\x1f', 'a\x7f', 'a\rb', 'a\nb', '\na', 'a\r\rb'];
  for (const text of refused) {
    const head = `GET / HTTP/1.1\r\nx: ${text}\r\n\r\n`;
    assert.throws(() => refuseControls(head, 'request'), NotHttp, JSON.stringify(text));
    assert.throws(() => refuseControls(head, 'response'), NotHttp, JSON.stringify(text));
  }
  assert.throws(() => refuseControls('x: \xe9\r\n\r\n', 'request'), NotHttp);
  assert.doesNotThrow(() => refuseControls('x: \xe9\r\n\r\n', 'response'));
});

test('T6 a line feed without its carriage return is seen from any octet on', () => {
  const has = (text: string, from = 0): boolean => hasBareFeed(Buffer.from(text, 'latin1'), from);
  assert.equal(has('a\r\nb\r\n'), false);
  assert.equal(has('a\nb'), true);
  assert.equal(has('\n'), true);
  assert.equal(has('a\r\nb\n', 2), true);
  assert.equal(has('a\r\nb', 2), false);
});

test('T6 the fields of a message are written in order, those of a frozen one the same each time', () => {
  const changing = { a: '1', b: '2' };
  const fixed = Object.freeze({ ...changing });
  for (let at = 0; at < 2; at++) assert.equal(fieldLines(fixed), 'a: 1\r\nb: 2\r\n');
  assert.equal(fieldLines(changing), 'a: 1\r\nb: 2\r\n');
  changing.b = '3';
  assert.equal(fieldLines(changing), 'a: 1\r\nb: 3\r\n');
  const wrong = Object.freeze({ a: 'x\r\ny: z' });
  for (let at = 0; at < 2; at++) assert.throws(() => fieldLines(wrong), TypeError);
});
