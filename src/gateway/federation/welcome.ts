import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { eraOf, revisions } from '../../mcp/revisions.ts';
import { delimiter } from './exposed-names.ts';

/** The extension whose ids are carried through (SEP-2663). */
const tasksExtension = 'io.modelcontextprotocol/tasks';

const instructions = `This endpoint offers the tools, prompts and resources of several MCP servers. A tool or prompt is called <server>${delimiter}<name>, a resource mcp://<server>/<uri>. A list that misses a server says so in its _meta.`;

/**
 * What the endpoint can carry, whichever servers are up: it says so at once, without asking them. A list of nothing is
 * a list. Servers' own instructions are left to their own endpoints: here they would speak about each other's tools.
 */
const capabilities: JsonObject = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
};

/** The result of `server/discover` (MCP 2026-07-28). */
export function discoverResult(version: string): JsonObject {
  return {
    resultType: 'complete',
    supportedVersions: revisions.filter((revision) => eraOf(revision) === 'modern'),
    capabilities: { ...capabilities, extensions: { [tasksExtension]: {} } },
    instructions,
    ttlMs: 60_000,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo(version) },
  };
}

/** The result of `initialize` (MCP 2025-11-25, Lifecycle). */
export function initializeResult(revision: string, version: string): JsonObject {
  // Tasks are experimental there: https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
  const tasks = { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } };
  return {
    protocolVersion: revision,
    capabilities: { ...capabilities, ...(revision >= '2025-11-25' ? tasks : {}) },
    serverInfo: serverInfo(version),
    instructions,
  };
}

function serverInfo(version: string): Json {
  return { name: 'countersign', title: 'All MCP servers of this agent', version };
}
