import type { NamedKind } from './name-table.ts';

/** A method that lists things of every server. */
export interface ListRow {
  readonly method: string;
  /** The member of the result that holds the items. */
  readonly member: string;
  /** What a server of the legacy era declares when it has the list. */
  readonly capability: string;
  /** What its items are known by, when that is a name. */
  readonly named: NamedKind | null;
}

const rows: readonly ListRow[] = [
  { method: 'tools/list', member: 'tools', capability: 'tools', named: 'tool' },
  { method: 'prompts/list', member: 'prompts', capability: 'prompts', named: 'prompt' },
  { method: 'resources/list', member: 'resources', capability: 'resources', named: null },
  { method: 'resources/templates/list', member: 'resourceTemplates', capability: 'resources', named: null },
  { method: 'tasks/list', member: 'tasks', capability: 'tasks', named: null },
];

/** The row of a method, or null when it lists nothing. */
export function listRow(method: string | null): ListRow | null {
  return rows.find((row) => row.method === method) ?? null;
}
