import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { firstModernRevision } from '../../mcp/revisions.ts';

/** The revision that the gateway offers a server of the legacy era. */
export const offeredRevision = '2025-11-25';

const prefix = 'io.modelcontextprotocol/';
const envelope = ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel'].map(
  (name) => prefix + name,
);

/** The requests that mean the same in both eras. */
export const carried: ReadonlySet<string> = new Set([
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
]);

/** The requests during which the client may be asked for something (MCP 2026-07-28, MRTR, Supported Requests). */
export const asking: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** What a server may ask of a client, with the capability that it needs. */
export const questions: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
};

/** The params of a modern request without what only its era knows; the progress token becomes ours. */
export function toLegacyParams(params: JsonObject, progressToken: Json): JsonObject {
  const { _meta, inputResponses: _responses, requestState: _state, ...rest } = params;
  const meta = without(isJsonObject(_meta) ? _meta : {}, [...envelope, 'progressToken']);
  if (progressToken !== null) meta['progressToken'] = progressToken;
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest;
}

/** Results that the modern era caches carry how long; what a legacy server says is never kept. */
const cacheable: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/** A legacy result in the terms of the modern era. */
export function toModernResult(method: string, result: JsonObject, server: JsonObject): JsonObject {
  const meta = isJsonObject(result['_meta']) ? result['_meta'] : {};
  return {
    ...result,
    resultType: 'complete',
    ...(cacheable.has(method) ? { ttlMs: 0, cacheScope: 'private' } : {}),
    _meta: { ...meta, [`${prefix}serverInfo`]: server },
  };
}

/** A legacy error in the terms of the modern era (2026-07-28, changelog: an unknown resource is -32602). */
export function toModernError(error: JsonObject): JsonObject {
  return error['code'] === -32002 ? { ...error, code: -32602 } : error;
}

/** A modern result in the terms of the legacy era. */
export function toLegacyResult(result: JsonObject): JsonObject {
  const plain = without(result, ['resultType', 'ttlMs', 'cacheScope']);
  if (!isJsonObject(plain['_meta'])) return plain;
  const meta = without(plain['_meta'], [`${prefix}serverInfo`, `${prefix}subscriptionId`]);
  if (Object.keys(meta).length > 0) return { ...plain, _meta: meta };
  return without(plain, ['_meta']);
}

/** What a client of one era can do, in the terms of the other: tasks and extensions belong to one era each. */
export function clientCapabilities(capabilities: JsonObject): JsonObject {
  const kept: Record<string, Json> = {};
  for (const name of ['elicitation', 'sampling', 'roots', 'experimental']) {
    const value = capabilities[name];
    if (isJsonObject(value)) kept[name] = without(value, ['listChanged']);
  }
  return kept;
}

/** What a server of one era offers, in the terms of the other. */
export function serverCapabilities(capabilities: JsonObject): JsonObject {
  const kept: Record<string, Json> = {};
  for (const name of ['tools', 'prompts', 'resources', 'completions', 'logging', 'experimental']) {
    const value = capabilities[name];
    if (isJsonObject(value)) kept[name] = value;
  }
  return kept;
}

/** The answer to `server/discover`, from what the server said to `initialize`. */
export function discoverResult(initialized: JsonObject): JsonObject {
  const capabilities = initialized['capabilities'];
  const { instructions } = initialized;
  const result: JsonObject = {
    supportedVersions: [firstModernRevision],
    capabilities: serverCapabilities(isJsonObject(capabilities) ? capabilities : {}),
    ...(typeof instructions === 'string' ? { instructions } : {}),
  };
  return toModernResult('server/discover', result, serverInfo(initialized));
}

export function serverInfo(initialized: JsonObject): JsonObject {
  const info = initialized['serverInfo'];
  return isJsonObject(info) ? info : { name: 'unknown', version: '0' };
}

/** From the most to the least talkative (RFC 5424 §6.2.1). */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/** Whether a log message is at least as grave as the level that was asked for. */
export function isWanted(level: Json | undefined, asked: string | null): boolean {
  return asked !== null && isLevel(level) && levels.indexOf(level) >= levels.indexOf(asked);
}

export function isLevel(level: Json | undefined): level is string {
  return typeof level === 'string' && levels.includes(level);
}

/** A copy without some members. */
export function without(value: JsonObject, names: readonly string[]): Record<string, Json> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}
