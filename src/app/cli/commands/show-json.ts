import { isJsonObject, type Json, type JsonObject } from '../../../kernel/canonical-json.ts';
import { printable } from '../format-table.ts';

/** The rows of a JSON list for `formatTable`. */
export function rows(json: Json): readonly JsonObject[] {
  return Array.isArray(json) ? json.filter(isJsonObject) : [];
}

/** One value as lines of `name: value`, nested lists of objects below their name. */
export function describe(json: Json, indent = ''): string {
  if (!isJsonObject(json)) return `${indent}${JSON.stringify(json)}`;
  return Object.entries(json)
    .map(([member, value]) => {
      if (Array.isArray(value) && value.some(isJsonObject)) {
        const items = value.map((item: Json) => describe(item, `${indent}  `)).join('\n\n');
        return `${indent}${member}:\n${items}`;
      }
      if (isJsonObject(value)) return `${indent}${member}:\n${describe(value, `${indent}  `)}`;
      return `${indent}${member}: ${shown(member, value)}`;
    })
    .join('\n');
}

/** Members that hold epoch milliseconds are shown as a person reads a time. */
const timeMembers = /(At|notAfter|notBefore|lastSeen)$/;

function shown(member: string, value: Json): string {
  if (typeof value === 'number' && timeMembers.test(member)) return new Date(value).toISOString();
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
