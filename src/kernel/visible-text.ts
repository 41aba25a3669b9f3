/**
 * Text from elsewhere as one that shows what it holds: whatever a terminal would obey, hide, join to its neighbour or show in
 * another order is written as an escape, `\u{202e}`, and so is the backslash of what only looks like one. Nothing is lost.
 */
export function visibleText(text: string): string {
  return text.replaceAll(unseen, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The text of a JSON value so that it stays the same value, and shows what it holds as `visibleText` does; its line breaks stay. */
export function visibleJson(text: string): string {
  return text.replaceAll(unseenInJson, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Controls, formats and what is unassigned; spaces but the usual one; marks; what may be ignored; and the letters that run from right to left. */
const unseenClass =
  '[\\p{C}\\p{Z}\\p{M}\\p{Default_Ignorable_Code_Point}\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufeff\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1efff}]';
const unseen = new RegExp(`\\\\(?=u\\{)|(?! )${unseenClass}`, 'gu');
const unseenInJson = new RegExp(`(?![ \\n])${unseenClass}`, 'gu');
