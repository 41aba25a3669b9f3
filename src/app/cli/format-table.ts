import type { Json, JsonObject } from '../../kernel/canonical-json.ts';

/** Members that hold epoch milliseconds and are shown as UTC times. */
const times: ReadonlySet<string> = new Set(['lastSeen', 'notAfter', 'notBefore', 'time']);

/** Rows as aligned columns under a heading; the columns are members of the rows, shown in the order given. */
export function formatTable(columns: readonly string[], rows: readonly JsonObject[]): string {
  if (rows.length === 0) return '(none)';
  const lines = [
    columns.map(heading),
    ...rows.map((row) => columns.map((column) => cell(column, row[column]))),
  ];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `lastSeen` → `LAST SEEN` */
function heading(column: string): string {
  return column.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toUpperCase();
}

function cell(column: string, value: Json | undefined): string {
  if (value === null || value === undefined || value === '') return '-';
  if (typeof value === 'number' && (times.has(column) || column.endsWith('At'))) {
    return new Date(value).toISOString().replace(/\.\d{3}Z$/, 'Z');
  }
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value))
    return value.length === 0 ? '-' : value.map((item: Json) => cell('', item)).join(', ');
  return printable(JSON.stringify(value));
}

/** Text from elsewhere with everything escaped that a terminal would obey instead of show. */
export function printable(text: string): string {
  // C0 and C1 controls, and the format characters that reorder or hide text (Unicode categories Cc and Cf).
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
