import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { visibleJson, visibleText } from './visible-text.ts';

test('A4 what a terminal would obey, hide or turn round is shown as an escape, and other text as it is', () => {
  const rows = [
    ['pay 100 EUR → Zürich, 東京, Київ', 'pay 100 EUR → Zürich, 東京, Київ'],
    ['\u001b[2Jgone', '\\u{1b}[2Jgone'],
    ['\u009b2J', '\\u{9b}2J'],
    ['a\rb\nc\td\u007f', 'a\\u{d}b\\u{a}c\\u{9}d\\u{7f}'],
    ['\u202e001 yap', '\\u{202e}001 yap'],
    ['10 \u05d0 20', '10 \\u{5d0} 20'],
    ['al\u200bice\u00ad\u3164\ufeff', 'al\\u{200b}ice\\u{ad}\\u{3164}\\u{feff}'],
    ['e\u0301\u20dd', 'e\\u{301}\\u{20dd}'],
    ['a\u00a0b\u2028c', 'a\\u{a0}b\\u{2028}c'],
    ['\u{e0041}\ud800', '\\u{e0041}\\u{d800}'],
    ['\\u{202e} \\n', '\\u{5c}u{202e} \\n'],
  ] as const;
  for (const [text, shown] of rows) assert.equal(visibleText(text), shown);
});

test('A4 two texts that differ are never shown as the same one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = visibleText(text);
      const back = shown.replaceAll(/\\u\{([0-9a-f]+)\}/g, (_, hex: string) =>
        String.fromCodePoint(parseInt(hex, 16)),
      );
      return back === text && !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(shown);
    }),
    { examples: [['\\u{61}'], ['\\\\u{61}'], ['\\u{5c}u{61}'], ['\ud800\udc00']] },
  );
});

test('A4 U9 JSON is shown without anything that a terminal would obey, and is the same value', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (value) => {
      const shown = visibleJson(JSON.stringify(value, null, 2));
      assert.deepEqual(JSON.parse(shown), value);
      return !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(shown.replaceAll('\n', ''));
    }),
  );
});
