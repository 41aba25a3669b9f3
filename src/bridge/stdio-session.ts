import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { type Answer, answeredId } from './answers.ts';
import { pause } from './back-off.ts';
import { type Call, createCalls } from './call.ts';
import { faultAnswer, refusalAnswer } from './error-answer.ts';
import { createExchange } from './exchange-call.ts';
import { explainStatus } from './explain-failure.ts';
import type { GatewayConnection } from './gateway-connection.ts';
import { createLegacySession } from './legacy-session.ts';
import type { BridgeLimits } from './limits.ts';
import { type MessageId, type Outgoing, readOutgoing, requestIds } from './outgoing.ts';
import { createToolParameters } from '../mcp/tool-parameters.ts';

/** The conversation of one stdio client with one server behind the gateway, in either era. */
export interface StdioSession {
  /** Takes one line of the client; what comes of it is written. */
  receive(line: Uint8Array): void;
  /** A line was longer than the limit. */
  tooLong(): void;
  /** Waits for the calls in flight, at most the given milliseconds; streams without an end are ended. */
  finish(milliseconds: number): Promise<void>;
  /** Ends everything, the session at the server included. */
  close(): Promise<void>;
}

/** What a session works with. */
export interface SessionPorts {
  readonly gateway: GatewayConnection;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
  /** Writes one line to the client. */
  readonly write: (line: string) => Promise<void>;
}

export function createStdioSession(ports: SessionPorts): StdioSession {
  const { limits, log } = ports;
  const { peer } = ports.gateway;
  const stop = new AbortController();
  const calls = createCalls();
  const parameters = createToolParameters();
  const tasks = new Set<Promise<void>>();
  const legacy = createLegacySession({ ...ports, stop: stop.signal, deliver });
  const exchange = createExchange({ ...ports, legacy, parameters, deliver });
  // What must keep its order waits for what came before it.
  let order: Promise<void> = Promise.resolve();

  const answer = async (message: JsonObject): Promise<void> => {
    if (!stop.signal.aborted) await ports.write(JSON.stringify(message));
  };

  /** Hands on what the gateway sent; an answer that nobody waits for is dropped. */
  async function deliver(piece: Answer, sessionId: string | null = null): Promise<void> {
    const { line, messages } = piece;
    if (line === null || stop.signal.aborted) return;
    let wanted = false;
    for (const message of messages) {
      const id = answeredId(message);
      const call = id === null ? null : calls.find(id);
      if (call && id !== null) learn(call, id, message, sessionId);
      wanted ||= id === null || calls.settle(id);
    }
    if (wanted) await ports.write(line);
  }

  const learn = (call: Call, id: MessageId, message: JsonObject, sessionId: string | null): void => {
    const asked = call.outgoing.messages.find((one) => one.kind === 'request' && one.id === id);
    const { result } = message;
    if (!asked || !isJsonObject(result)) return;
    if (asked.method === 'initialize' && call.outgoing.revision === null) {
      legacy.opened(asked.value, sessionId, result);
    }
    if (asked.method === 'tools/list' && call.outgoing.revision !== null) parameters.learn(result);
  };

  const fail = async (call: Call, fault: Fault): Promise<void> => {
    for (const id of call.waiting) if (calls.settle(id)) await answer(faultAnswer(id, fault));
  };

  const run = async (call: Call, before: Promise<void>): Promise<void> => {
    await before;
    if (call.signal.aborted) return;
    const refusal = await exchange(call);
    if (call.signal.aborted) return;
    if (!refusal) {
      const [first] = call.outgoing.messages;
      if (call.outgoing.revision !== null) return;
      if (first?.method === 'notifications/initialized') legacy.listen();
      else legacy.wake();
      return;
    }
    const { status, body } = refusal;
    if (requestIds(call.outgoing).length === 0) {
      const what = call.outgoing.messages[0]?.method ?? 'a response';
      log(`${peer} did not take ${what}: ${explainStatus(status, body, 'it').message}`);
    }
    for (const id of call.waiting) if (calls.settle(id)) await answer(refusalAnswer(id, refusal, peer));
  };

  const begin = (outgoing: Outgoing, before: Promise<void>): Promise<void> => {
    const call = calls.begin(outgoing, stop.signal);
    const task = run(call, before)
      .catch(async (error: unknown) => {
        if (!call.signal.aborted) await fail(call, toFault(error));
      })
      // The client is gone: nobody is left to tell.
      .catch(() => undefined)
      .finally(() => {
        calls.end(call);
        tasks.delete(task);
      });
    tasks.add(task);
    return task;
  };

  /** True when the line was a cancellation and is dealt with. */
  const cancel = (outgoing: Outgoing): boolean => {
    const [message] = outgoing.messages;
    if (outgoing.batch || message?.method !== 'notifications/cancelled') return false;
    const { requestId } = message.params;
    const known = typeof requestId === 'string' || typeof requestId === 'number';
    const call = known ? calls.find(requestId) : null;
    if (!call || !known) return true;
    calls.settle(requestId);
    if (!call.sent || call.outgoing.revision !== null) {
      // MCP 2026-07-28, Cancellation: over HTTP, closing the stream is what cancels.
      call.abort.abort();
      return true;
    }
    // In the legacy era a closed stream cancels nothing; once the server knows, nobody needs it any more.
    void cancelPosted(outgoing, call);
    return true;
  };

  const cancelPosted = async (outgoing: Outgoing, call: Call): Promise<void> => {
    await begin(outgoing, Promise.resolve());
    if (call.waiting.size === 0) call.abort.abort();
  };

  const refuse = (outgoing: Outgoing, fault: Fault): void => {
    const ids = requestIds(outgoing);
    if (ids.length === 0) log(`A message of the client was dropped: ${fault.message}`);
    for (const id of ids) void answer(faultAnswer(id, fault)).catch(() => undefined);
  };

  const accept = (line: Uint8Array): void => {
    const outgoing = readOutgoing(line);
    if (cancel(outgoing)) return;
    if (calls.size >= limits.pendingMessages) {
      return refuse(
        outgoing,
        new Fault('limit_reached', `More than ${limits.pendingMessages} messages are under way.`),
      );
    }
    if (requestIds(outgoing).some((id) => calls.find(id) !== null)) {
      return refuse(outgoing, new Fault('message_invalid', 'A request with the same id is still under way.'));
    }
    const task = begin(outgoing, order);
    const [first] = outgoing.messages;
    if (first?.method === 'initialize' && outgoing.revision === null) order = task;
    else if (first?.kind === 'notification') order = atMost(task, limits.noticeMilliseconds);
  };

  return {
    receive(line) {
      try {
        accept(line);
      } catch (error) {
        void answer(faultAnswer(null, toFault(error))).catch(() => undefined);
      }
    },
    tooLong() {
      const fault = new Fault(
        'message_invalid',
        `A line is longer than ${limits.lineBytes} octets; it was skipped.`,
      );
      void answer(faultAnswer(null, fault)).catch(() => undefined);
    },
    async finish(milliseconds) {
      legacy.hush();
      for (const call of calls.all()) {
        if (call.outgoing.messages.some(({ method }) => method === 'subscriptions/listen'))
          call.abort.abort();
      }
      await atMost(
        Promise.all(tasks).then(() => undefined),
        milliseconds,
      );
    },
    async close() {
      await legacy.end();
      stop.abort();
      await Promise.all(tasks);
    },
  };
}

/** Waits for a task, but not longer. */
async function atMost(task: Promise<void>, milliseconds: number): Promise<void> {
  const over = new AbortController();
  await Promise.race([task, pause(milliseconds, over.signal)]);
  over.abort();
}
