import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import type { Target } from './message.ts';

interface FilteredList {
  /** The member of the result that holds the items. */
  readonly member: string;
  /** The method whose right decides whether an item is shown. */
  readonly action: string;
  readonly target: (item: JsonObject) => Target | null;
}

const lists: Readonly<Record<string, FilteredList>> = {
  'tools/list': { member: 'tools', action: 'tools/call', target: (item) => named('tool', item['name']) },
  'prompts/list': {
    member: 'prompts',
    action: 'prompts/get',
    target: (item) => named('prompt', item['name']),
  },
  'resources/list': { member: 'resources', action: 'resources/read', target: (item) => located(item['uri']) },
  // RFC 6570 expressions stay in the text: a policy on a prefix of URIs decides about the template as well.
  'resources/templates/list': {
    member: 'resourceTemplates',
    action: 'resources/read',
    target: (item) => located(item['uriTemplate']),
  },
};

function named(kind: 'tool' | 'prompt', name: Json | undefined): Target | null {
  return typeof name === 'string' ? { kind, name } : null;
}

function located(uri: Json | undefined): Target | null {
  return typeof uri === 'string' ? { kind: 'resource', uri } : null;
}

/** The method whose right decides about the items of a list, or null when the method is not a list. */
export function listTargets(method: string | null): string | null {
  return method !== null && Object.hasOwn(lists, method) ? (lists[method]?.action ?? null) : null;
}

/**
 * A result with only the items that may be used in every list it holds, itself when it holds none: for an answer whose
 * request is not known, as a server sends it again on a resumed stream (MCP 2025-11-25, Resumability and Redelivery).
 */
export function filterAnyList(
  result: JsonObject,
  mayUse: (action: string, target: Target) => boolean,
): JsonObject {
  let filtered = result;
  for (const [method, { member, action }] of Object.entries(lists)) {
    if (!Array.isArray(result[member])) continue;
    filtered = filterList(method, filtered, (target) => mayUse(action, target));
  }
  return filtered;
}

/**
 * The result of a list method with only the items that may be used; an item that names nothing is left out.
 * What one caller may see is not for another, so a cacheable result becomes private (MCP 2026-07-28, Caching).
 */
export function filterList(
  method: string,
  result: JsonObject,
  mayUse: (target: Target) => boolean,
): JsonObject {
  const list = Object.hasOwn(lists, method) ? lists[method] : undefined;
  if (!list) return result;
  const items = result[list.member];
  const shown = Array.isArray(items)
    ? items.filter((item: Json) => {
        const target = isJsonObject(item) ? list.target(item) : null;
        return target !== null && mayUse(target);
      })
    : items;
  return {
    ...result,
    ...(shown === undefined ? {} : { [list.member]: shown }),
    ...(Object.hasOwn(result, 'cacheScope') ? { cacheScope: 'private' } : {}),
  };
}
