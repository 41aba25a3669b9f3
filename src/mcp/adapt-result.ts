import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { filterList, listTargets } from './filter-list.ts';
import type { Message, Target } from './message.ts';
import { keepsMirrorRules } from './mirror-rules.ts';
import { revisions } from './revisions.ts';

/**
 * How long a client may keep what it was given, in milliseconds: policy may change meanwhile, and what is on the
 * client's side hears of that only when it asks again.
 */
const longestKept = 60_000;

/** Whether a method's results are not passed on as they are. */
export function isAdapted({ method, era }: Pick<Message, 'method' | 'era'>): boolean {
  if (listTargets(method) !== null) return true;
  return era === 'modern' && (method === 'server/discover' || method === 'resources/read');
}

/**
 * The result as this caller may have it: of a list the items that policy lets it use, without tools that no client may
 * call over HTTP; of the revisions those that we read as well; and everything that may be kept is private and soon asked
 * for again (MCP 2026-07-28, Caching), since it was permitted to this caller, now.
 */
export function adaptResult(
  { method, era }: Pick<Message, 'method' | 'era'>,
  result: JsonObject,
  mayUse: (action: string, target: Target) => boolean,
): JsonObject {
  const action = listTargets(method);
  let adapted = result;
  if (method !== null && action !== null) {
    adapted = filterList(method, adapted, (target) => mayUse(action, target));
  }
  if (era === 'legacy') return adapted;
  if (method === 'tools/list') adapted = onlyCallable(adapted);
  if (method === 'server/discover') adapted = onlyReadable(adapted);
  return notKeptLong(adapted);
}

function onlyCallable(result: JsonObject): JsonObject {
  const { tools } = result;
  if (!Array.isArray(tools)) return result;
  return { ...result, tools: tools.filter((tool: Json) => isJsonObject(tool) && keepsMirrorRules(tool)) };
}

function onlyReadable(result: JsonObject): JsonObject {
  const { supportedVersions } = result;
  if (!Array.isArray(supportedVersions)) return result;
  const both = supportedVersions.filter((one: Json) => typeof one === 'string' && revisions.includes(one));
  return { ...result, supportedVersions: both };
}

function notKeptLong(result: JsonObject): JsonObject {
  const { ttlMs } = result;
  return {
    ...result,
    ...(typeof ttlMs === 'number' && ttlMs > longestKept ? { ttlMs: longestKept } : {}),
    ...(Object.hasOwn(result, 'cacheScope') ? { cacheScope: 'private' } : {}),
  };
}
