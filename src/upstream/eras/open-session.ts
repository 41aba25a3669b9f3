import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { composeInbound } from '../../mcp/compose-inbound.ts';
import { eraOf, revisions } from '../../mcp/revisions.ts';
import type { UpstreamRequest } from '../upstream.ts';
import { readMessages } from './read-messages.ts';
import type { ServerSessionOptions } from './server-session.ts';
import { looksLikeSse, sseHint } from './sse-hint.ts';
import { offeredRevision } from './translate.ts';

interface OpenedSession {
  /** What every later request carries. */
  readonly headers: Readonly<Record<string, string>>;
  readonly revision: string;
  readonly result: JsonObject;
}

/**
 * The handshake of the legacy era: the only thing that the gateway says to a server in a caller's name without having
 * been asked to by the caller. Throws Fault `upstream_failed` or `upstream_timeout` besides what the server throws.
 */
export async function openSession(options: ServerSessionOptions): Promise<OpenedSession> {
  const { inner, limits, capabilities, info } = options;
  const signal = AbortSignal.timeout(limits.handshakeMilliseconds);
  const clientInfo = info ?? { name: 'countersign', version: '1' };
  const params = { protocolVersion: offeredRevision, capabilities, clientInfo };
  try {
    const response = await inner.send(
      post({ jsonrpc: '2.0', id: 0, method: 'initialize', params }, {}, options, signal),
    );
    let result: JsonObject | null = null;
    for await (const message of readMessages(response)) {
      if (message['id'] === 0 && isJsonObject(message['result'])) result = message['result'];
    }
    const revision = result?.['protocolVersion'];
    if (
      !result ||
      typeof revision !== 'string' ||
      !revisions.includes(revision) ||
      eraOf(revision) === 'modern'
    ) {
      const { status } = response;
      const hint = looksLikeSse(status) ? `MCP server ${inner.name} ${sseHint(status)}` : null;
      throw new Fault(
        'upstream_failed',
        hint ?? `MCP server ${inner.name} did not open a session (HTTP ${status}).`,
      );
    }
    const id = response.headers['mcp-session-id'];
    const headers = {
      'mcp-protocol-version': revision,
      ...(id === undefined ? {} : { 'mcp-session-id': id }),
    };
    const ready = await inner.send(
      post({ jsonrpc: '2.0', method: 'notifications/initialized' }, headers, options, signal),
    );
    for await (const _ of readMessages(ready));
    return { headers, revision, result };
  } catch (error) {
    if (!signal.aborted) throw error;
    const detail = `MCP server ${inner.name} did not open a session in ${limits.handshakeMilliseconds} ms.`;
    throw new Fault('upstream_timeout', detail, { cause: error });
  }
}

function post(
  value: JsonObject,
  session: Readonly<Record<string, string>>,
  { caller }: ServerSessionOptions,
  signal: AbortSignal,
): UpstreamRequest {
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    ...session,
  };
  return { method: 'POST', headers, inbound: composeInbound(value, offeredRevision), caller, signal };
}
