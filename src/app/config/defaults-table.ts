import { listSettings, variableOf } from './json-schema.ts';

/** The table of settings in `docs/defaults.md`, in Markdown. */
export function defaultsTable(): string {
  const rows = listSettings().map(
    ({ path, default: value, meaning, reason }) =>
      `| \`${path.join('.')}\` | \`${JSON.stringify(value)}\` | ${meaning} | ${reason} | \`${variableOf(path)}\` |`,
  );
  return `${['| setting | default | what it is | why this default | variable |', '|---|---|---|---|---|', ...rows].join('\n')}\n`;
}
