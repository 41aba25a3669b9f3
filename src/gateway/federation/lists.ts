import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';
import { type Asking, serversFor } from './asking.ts';
import { type LeftOut, type Page, pageOf } from './list-page.ts';
import { type ListRow, listRow } from './list-rows.ts';
import type { NamedKind } from './name-table.ts';

/** A list of all servers, in the terms of all servers. */
export interface MergedList {
  readonly result: JsonObject;
  readonly asked: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** The member of a result's `_meta` that says which servers are missing from a list, and why. */
const leftOutKey = 'countersign/left-out';

/**
 * One page of a list of all servers: the next page of each server that has one, all asked at once, each within its
 * deadline. A server that is down or slow is left out and named in `_meta`; the others do not wait for it.
 * Throws Fault `handle_unknown` for a cursor that was not given to this agent for this list.
 */
export async function mergeList(asking: Asking, message: Message, signal: AbortSignal): Promise<MergedList> {
  const row = rowOf(message.method);
  const cursors = cursorsOf(asking, row, message.params['cursor']);
  const pages = await Promise.all(
    cursors.map(async ([server, cursor]) => {
      const milliseconds = asking.patience.with(asking.party, server);
      return await pageOf(asking, { server, cursor, message, row, milliseconds, signal });
    }),
  );
  const leftOut = pages.flatMap((page) => page.leftOut ?? []);
  return {
    asked: cursors.map(([server]) => server),
    leftOut,
    result: {
      [row.member]: pages.flatMap(({ items }) => items),
      ...nextCursor(asking, row, pages),
      ...(message.era === 'modern'
        ? { resultType: 'complete', ttlMs: ttlOf(pages), cacheScope: 'private' }
        : {}),
      ...(leftOut.length === 0 ? {} : { _meta: { [leftOutKey]: leftOut } }),
    },
  };
}

/**
 * Reads a server's whole list of names again, so that a name can be looked up. Throws what reading a page throws.
 */
export async function readNames(asking: Asking, kind: NamedKind, server: string, on: Message): Promise<void> {
  const method = kind === 'tool' ? 'tools/list' : 'prompts/list';
  const params = envelopeOf(on.params);
  const value = { jsonrpc: '2.0', id: on.id, method, params };
  const message: Message = { ...on, method, params, value, target: { kind: 'server' }, arguments: {} };
  const row = rowOf(method);
  // The agent waits for this server alone, so it may take its time.
  const milliseconds = patienceForOne * asking.ports.federation.limits.listMilliseconds;
  const signal = new AbortController().signal;
  let cursor: string | null = null;
  for (let read = 0; read < mostPages; read++) {
    const page: Page = await pageOf(asking, { server, cursor, message, row, milliseconds, signal });
    if (page.failed) throw page.failed;
    cursor = page.next;
    if (cursor === null) return;
  }
}

/** How many deadlines of a list the agent waits when it waits for one server. */
const patienceForOne = 3;
/** Pages that are read to find one name. */
const mostPages = 100;

/** What a modern request says of itself, without what it asks for. */
function envelopeOf(params: JsonObject): JsonObject {
  const meta = params['_meta'];
  if (!isJsonObject(meta)) return {};
  const own = Object.entries(meta).filter(([name]) => name.startsWith('io.modelcontextprotocol/'));
  return { _meta: Object.fromEntries(own) };
}

function rowOf(method: string | null): ListRow {
  const row = listRow(method);
  if (!row) throw new Fault('internal', `${method} lists nothing.`);
  return row;
}

/** Which servers are asked, each with its own cursor: all that may be, or those that a cursor names. */
function cursorsOf(
  asking: Asking,
  row: ListRow,
  sealed: JsonObject[string] | undefined,
): readonly [server: string, cursor: string | null][] {
  const servers = serversFor(asking, row.method);
  if (sealed === undefined) return servers.map((server) => [server, null]);
  const parts = asking.ports.handles.open(typeof sealed === 'string' ? sealed : '', cursorOwner(asking, row));
  const cursors = new Map<string, string>();
  for (let at = 0; at + 1 < parts.length; at += 2) cursors.set(parts[at] ?? '', parts[at + 1] ?? '');
  return servers.flatMap((server) => {
    const cursor = cursors.get(server);
    return cursor === undefined ? [] : [[server, cursor] as [string, string]];
  });
}

function nextCursor(asking: Asking, row: ListRow, pages: readonly Page[]): { nextCursor?: string } {
  const next = pages.flatMap(({ server, next }) => (next === null ? [] : [[server, next] as const]));
  if (next.length === 0) return {};
  return { nextCursor: asking.ports.handles.seal(next.flat(), cursorOwner(asking, row)) };
}

function cursorOwner({ party }: Asking, { method }: ListRow) {
  return { party, purpose: 'cursor', of: method } as const;
}

/** How long all pages may be kept; longer than a minute none is, for a policy may change. */
function ttlOf(pages: readonly Page[]): number {
  return Math.min(60_000, ...pages.map(({ ttl }) => ttl));
}
