import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { composeInbound } from '../../mcp/compose-inbound.ts';
import { toolsIn } from '../../mcp/tool-definition.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import { AnswerFault, resultOf } from '../federation/read-answer.ts';

/** In whose name a list is read, and how. */
export interface ListReader {
  readonly upstream: Upstream;
  /** Those of the revision, and of the session where there is one. */
  readonly headers: Readonly<Record<string, string>>;
  readonly revision: string;
  /** `_meta`, where the revision has it. */
  readonly params: JsonObject;
  readonly caller: string;
  readonly subjectToken: string | null;
}

/** How long reading a whole list may take, its pages and its tools together. */
const milliseconds = 20_000;
const mostPages = 100;
const mostTools = 5_000;

/** Every tool that a server lists. Throws Fault `upstream_timeout`, `upstream_too_large`, `session_unknown`, or what asking throws. */
export async function readToolList(reader: ListReader): Promise<readonly Json[]> {
  const overdue = new AbortController();
  const late = new Fault(
    'upstream_timeout',
    'The MCP server did not list its tools in time, so that none can be called.',
  );
  const timer = setTimeout(() => overdue.abort(late), milliseconds);
  try {
    return await Promise.race([readPages(reader, overdue.signal), aborted(overdue.signal)]);
  } finally {
    clearTimeout(timer);
    overdue.abort(late);
  }
}

async function readPages(reader: ListReader, signal: AbortSignal): Promise<readonly Json[]> {
  const tools: Json[] = [];
  let cursor: Json | undefined;
  for (let page = 1; page <= mostPages; page += 1) {
    const result = await readPage(reader, { page, cursor, signal });
    if (!result) return tools;
    tools.push(...toolsIn(result));
    cursor = result['nextCursor'];
    if (tools.length > mostTools) break;
    if (cursor === undefined || cursor === null) return tools;
  }
  throw new Fault(
    'upstream_too_large',
    `The MCP server lists more than ${mostTools} tools, or more than ${mostPages} pages of them.`,
  );
}

/** Null when the server has no such list. */
async function readPage(
  reader: ListReader,
  {
    page,
    cursor,
    signal,
  }: { readonly page: number; readonly cursor: Json | undefined; readonly signal: AbortSignal },
): Promise<JsonObject | null> {
  const { upstream, headers, revision, caller, subjectToken } = reader;
  const params = cursor === undefined ? reader.params : { ...reader.params, cursor };
  const id = `countersign-tools-${page}`;
  const inbound = composeInbound({ jsonrpc: '2.0', id, method: 'tools/list', params }, revision);
  const answer = await upstream.send({ method: 'POST', headers, inbound, caller, subjectToken, signal });
  if (answer.status === 404 && headers['mcp-session-id'] !== undefined) {
    throw new Fault(
      'session_unknown',
      'The MCP server does not know this session any more. Start a new one.',
    );
  }
  try {
    return await resultOf(answer, id);
  } catch (error) {
    // Who does not know the method has nothing to list.
    if (error instanceof AnswerFault && error.rpc === -32601) return null;
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
