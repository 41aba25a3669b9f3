import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';
import { createStdioCall, json, type StdioCall } from '../stdio-call.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import type { EraOptions } from './bridge-eras.ts';
import { HeldCall } from './held-call.ts';
import { createHeldCalls } from './held-calls.ts';
import { hearNews } from './hear-news.ts';
import type { ServerSession } from './server-session.ts';
import { createServerSessions } from './server-sessions.ts';
import {
  asking,
  carried,
  clientCapabilities,
  discoverResult,
  isLevel,
  isWanted,
  serverInfo,
  toLegacyParams,
  toModernResult,
} from './translate.ts';

/** Serves modern callers from a server of the legacy era. */
export interface ModernOverLegacy extends AsyncDisposable {
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  endCaller(caller: string): Promise<void>;
}

export function createModernOverLegacy(inner: Upstream, options: EraOptions): ModernOverLegacy {
  const { limits, clock, seal } = options;
  const sessions = createServerSessions(inner, clock, limits);
  const held = createHeldCalls(inner.name, seal, limits.heldCallsPerCaller);

  const sessionFor = (request: UpstreamRequest, message: Message): Promise<ServerSession> => {
    const meta = metaOf(message);
    const info = meta['io.modelcontextprotocol/clientInfo'];
    return sessions.of(request.caller, {
      capabilities: capabilitiesOf(message),
      info: isJsonObject(info) ? info : null,
    });
  };

  const start = async (request: UpstreamRequest, message: Message): Promise<HeldCall> => {
    const method = message.method ?? '';
    const session = await sessionFor(request, message);
    await setLevel(session, levelOf(message));
    const progressToken = metaOf(message)['progressToken'] ?? null;
    return held.add(
      request.caller,
      message,
      (stateFor, onOver) =>
        new HeldCall({
          session,
          takesQuestions: asking.has(method),
          capabilities: capabilitiesOf(message),
          progressToken,
          limits,
          begin: (call) =>
            session.call(
              method,
              (id) => toLegacyParams(message.params, progressToken === null ? null : id),
              call,
            ),
          translate: (result) => toModernResult(method, result, serverInfo(session.initialized)),
          stateFor,
          onOver,
        }),
    );
  };

  const carry = async (request: UpstreamRequest, message: Message): Promise<UpstreamResponse> => {
    const state = message.params['requestState'];
    const retried = state !== undefined;
    const call = retried ? held.find(state, request.caller, message) : await start(request, message);
    const waiting = waitFor(request.signal, limits, (reason) => call.leave(reason));
    const responses = message.params['inputResponses'];
    if (retried && isJsonObject(responses)) await call.take(responses);
    call.attend({ call: waiting, id: message.id, logLevel: levelOf(message) });
    return await waiting.response;
  };

  const listen = async (request: UpstreamRequest, message: Message): Promise<UpstreamResponse> => {
    const session = await sessionFor(request, message);
    let hearing: Disposable | null = null;
    const waiting = waitFor(request.signal, { ...limits, answerMilliseconds: null }, () =>
      hearing?.[Symbol.dispose](),
    );
    hearing = await hearNews(session, message, waiting);
    if (request.signal.aborted || waiting.over) hearing[Symbol.dispose]();
    return await waiting.response;
  };

  const serve = async (request: UpstreamRequest, message: Message): Promise<UpstreamResponse> => {
    if (message.kind === 'request' && message.method !== null) {
      if (carried.has(message.method)) return await carry(request, message);
      if (message.method === 'subscriptions/listen') return await listen(request, message);
      if (message.method === 'server/discover') {
        const session = await sessionFor(request, message);
        return json(200, { jsonrpc: '2.0', id: message.id, result: discoverResult(session.initialized) });
      }
    }
    const detail = `${message.method} has no counterpart in the revision that server ${inner.name} speaks.`;
    throw new Fault('era_not_bridged', detail);
  };

  return {
    async send(request) {
      const [message] = request.inbound?.messages ?? [];
      if (!message) throw new Fault('message_invalid', 'The body holds no message.');
      try {
        return await serve(request, message);
      } catch (error) {
        const fault = toFault(error);
        // The server forgot the session without having run the request, so it may be sent once more in a new one.
        if (fault.code !== 'session_unknown' || message.params['requestState'] !== undefined) throw fault;
        return await serve(request, message);
      }
    },
    async endCaller(caller) {
      held.endCaller(caller);
      await sessions.endCaller(caller);
    },
    [Symbol.asyncDispose]: () => sessions.endAll(),
  };
}

/** The request that waits, which its client may leave: in the modern era that cancels it. */
function waitFor(
  signal: AbortSignal,
  limits: Omit<EraOptions['limits'], 'answerMilliseconds'> & { readonly answerMilliseconds: number | null },
  leave: (reason: string) => void,
): StdioCall {
  const left = (): void => {
    leave('The client closed the stream.');
    call.fail(new Fault('unavailable', 'The caller went away.'));
  };
  const call: StdioCall = createStdioCall({
    requests: 1,
    batch: false,
    status: () => 200,
    answerMilliseconds: limits.answerMilliseconds,
    limits: { ...limits, answerMilliseconds: limits.answerMilliseconds ?? 0 },
    onSilent: () => {
      leave('The gateway gave up waiting.');
      call.fail(
        new Fault('upstream_timeout', `The MCP server was silent for ${limits.answerMilliseconds} ms.`),
      );
    },
    onLeft: left,
    onOver: () => signal.removeEventListener('abort', left),
  });
  if (signal.aborted) left();
  else signal.addEventListener('abort', left, { once: true });
  return call;
}

/** The legacy era has one level for a session: the most talkative that any call asked for; each call hears its own. */
async function setLevel(session: ServerSession, level: string | null): Promise<void> {
  const capabilities = session.initialized['capabilities'];
  const canLog = isJsonObject(capabilities) && isJsonObject(capabilities['logging']);
  if (level === null || !canLog || isWanted(level, session.logLevel)) return;
  await session.ask('logging/setLevel', { level });
  session.logLevel = level;
}

function metaOf(message: Message): JsonObject {
  const meta: Json | undefined = message.params['_meta'];
  return isJsonObject(meta) ? meta : {};
}

function capabilitiesOf(message: Message): JsonObject {
  const given = metaOf(message)['io.modelcontextprotocol/clientCapabilities'];
  return clientCapabilities(isJsonObject(given) ? given : {});
}

function levelOf(message: Message): string | null {
  const level = metaOf(message)['io.modelcontextprotocol/logLevel'];
  return isLevel(level) ? level : null;
}
