import { isJsonArray, isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';
import { type Asking, converse, waitFor } from './asking.ts';
import type { ListRow } from './list-rows.ts';
import { visible } from './name-table.ts';
import { AnswerFault, resultOf } from './read-answer.ts';
import { itemForAgent } from './to-agent.ts';

/** A server whose part of a list is missing, or some of whose names are, and why: the visible note. */
export interface LeftOut {
  readonly [member: string]: string;
  readonly server: string;
  readonly code: Fault['code'];
  readonly detail: string;
}

/** Which page of which server's list is wanted. */
export interface PageWanted {
  readonly server: string;
  /** The server's own cursor; null for the first page. */
  readonly cursor: string | null;
  /** The list request, whose id and metadata are used. */
  readonly message: Message;
  readonly row: ListRow;
  /** How long to wait for it, in milliseconds. */
  readonly milliseconds: number;
  /** Ends the asking when the agent no longer wants the list. */
  readonly signal: AbortSignal;
}

/** A server's page in the terms of all servers. */
export interface Page {
  readonly server: string;
  readonly items: readonly JsonObject[];
  /** The server's own cursor of the next page, or null. */
  readonly next: string | null;
  /** How long the page may be kept, in milliseconds. */
  readonly ttl: number;
  readonly leftOut: LeftOut | null;
  /** Why there is no page, or null. */
  readonly failed: Fault | null;
}

/** One page of one server within its deadline. Never rejects: what went wrong is in the page. */
export async function pageOf(asking: Asking, wanted: PageWanted): Promise<Page> {
  const { server, row } = wanted;
  const none: Page = { server, items: [], next: null, ttl: keptForEver, leftOut: null, failed: null };
  try {
    const result = await askPage(asking, wanted);
    return result ? takePage(asking, wanted, result) : none;
  } catch (error) {
    const failed = toFault(error);
    // Who does not know the method has nothing to list.
    if (failed instanceof AnswerFault && failed.rpc === -32601) return none;
    const detail = `${row.member} of ${server} are missing: ${failed.message}`;
    asking.ports.log(`${row.method} of all servers: ${detail}`);
    if (failed.code !== 'denied') asking.session?.listener?.missed(server);
    return { ...none, ttl: 0, leftOut: { server, code: failed.code, detail }, failed };
  }
}

const keptForEver = Number.MAX_SAFE_INTEGER;

/** The server's own page, or null when it has no such list. */
async function askPage(asking: Asking, wanted: PageWanted): Promise<JsonObject | null> {
  const { server, cursor, message, row, milliseconds } = wanted;
  const { patience, party } = asking;
  const overdue = new AbortController();
  const timer = setTimeout(() => {
    patience.missed(party, server);
    overdue.abort(new Fault('upstream_timeout', `it did not answer within ${milliseconds} ms`));
  }, milliseconds);
  const signal = AbortSignal.any([overdue.signal, wanted.signal]);
  try {
    // A server of the legacy era said at the start which lists it has.
    const place = asking.session && (await waitFor(asking.session.place(server, asking.asker), signal));
    if (place && place.capabilities[row.capability] === undefined) return null;
    const { cursor: _, ...params } = message.params;
    const asked = { ...message.value, params: cursor === null ? params : { ...params, cursor } };
    const result = await waitFor(readPage(asking, wanted, asked, signal), signal);
    patience.answered(party, server);
    return result;
  } finally {
    clearTimeout(timer);
  }
}

async function readPage(
  asking: Asking,
  { server, message }: PageWanted,
  asked: JsonObject,
  signal: AbortSignal,
): Promise<JsonObject> {
  return await resultOf(await converse(asking, server, asked, signal), message.id);
}

function takePage(asking: Asking, wanted: PageWanted, result: JsonObject): Page {
  const { server, row } = wanted;
  const listed = result[row.member];
  const items = (isJsonArray(listed) ? listed : []).filter(isJsonObject);
  const next = typeof result['nextCursor'] === 'string' ? result['nextCursor'] : null;
  const { shown, refused } = row.named ? named(asking, wanted, items, next) : { shown: items, refused: [] };
  if (refused.length > 0) asking.ports.log(refusedText(wanted, refused));
  return {
    server,
    next,
    ttl: typeof result['ttlMs'] === 'number' ? Math.max(0, result['ttlMs']) : 0,
    items: shown.map((item) => itemForAgent(item, row.method, server)).filter((item) => item !== null),
    leftOut:
      refused.length === 0 ? null : { server, code: 'name_refused', detail: refusedText(wanted, refused) },
    failed: null,
  };
}

/** Notes the names of a page in the agent's table, and sorts out those that cannot be told from others. */
function named(
  asking: Asking,
  { server, cursor, row }: PageWanted,
  items: readonly JsonObject[],
  next: string | null,
): { readonly shown: readonly JsonObject[]; readonly refused: readonly string[] } {
  const names = items.flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  if (!row.named) return { shown: items, refused: [] };
  const entries = asking.names.take({ server, kind: row.named, cursor, names, last: next === null });
  const refused: string[] = [];
  const shown = items.filter(({ name }) => {
    const entry = typeof name === 'string' ? entries.get(name) : undefined;
    if (!entry || entry.refused === null) return entry !== undefined;
    refused.push(`${visible(entry.real.name)} (${entry.refused})`);
    return false;
  });
  return { shown, refused };
}

/** Names that a note spells out. */
const mostSpelt = 5;

function refusedText({ server, row }: PageWanted, refused: readonly string[]): string {
  const more = refused.length > mostSpelt ? ` and ${refused.length - mostSpelt} more` : '';
  return `${row.member} of ${server} are not offered with all servers: ${refused.slice(0, mostSpelt).join(', ')}${more}`;
}
