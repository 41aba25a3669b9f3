import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { StdioCall } from '../stdio-call.ts';
import { questions as askable } from './translate.ts';

/** What a modern server needs from a legacy client: requests on the stream of the call, answered by POSTs. */
export interface ClientQuestions {
  /**
   * Asks the client for what an `InputRequired` result wants; returns what the retry carries. Throws Fault
   * `era_not_bridged` when the client cannot be asked or refuses, `timed_out` when it is silent.
   */
  gather(result: JsonObject, call: StdioCall, signal: AbortSignal): Promise<JsonObject>;
  /** A response of the client; one that answers nothing is dropped. */
  settle(response: JsonObject): void;
  end(): void;
}

export function createClientQuestions(capabilities: JsonObject, limits: UpstreamLimits): ClientQuestions {
  const waiting = new Map<Json, (response: JsonObject | Fault) => void>();

  const ask = async (request: Json, call: StdioCall, signal: AbortSignal): Promise<JsonObject> => {
    const method = isJsonObject(request) && typeof request['method'] === 'string' ? request['method'] : '';
    const needed = Object.hasOwn(askable, method) ? askable[method] : undefined;
    if (!isJsonObject(request) || needed === undefined || !isJsonObject(capabilities[needed])) {
      throw new Fault(
        'era_not_bridged',
        `The MCP server asks for ${method}, which this client does not offer.`,
      );
    }
    const id = `countersign-${randomId()}`;
    const answered = Promise.withResolvers<JsonObject | Fault>();
    const give = (why: Fault): void => answered.resolve(why);
    const timer = setTimeout(
      () =>
        give(
          new Fault('timed_out', `The client did not answer ${method} in ${limits.inputMilliseconds} ms.`),
        ),
      limits.inputMilliseconds,
    );
    const left = (): void => give(new Fault('unavailable', 'The call that asked is over.'));
    signal.addEventListener('abort', left, { once: true });
    waiting.set(id, answered.resolve);
    try {
      call.event({ jsonrpc: '2.0', id, method, ...paramsOf(request) });
      const response = await answered.promise;
      if (response instanceof Fault) throw response;
      if (isJsonObject(response['result'])) return response['result'];
      throw new Fault(
        'era_not_bridged',
        `The client answered ${method} with an error, which a retry cannot carry.`,
      );
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', left);
      waiting.delete(id);
    }
  };

  return {
    async gather(result, call, signal) {
      const { inputRequests, requestState } = result;
      const asked = Object.entries(isJsonObject(inputRequests) ? inputRequests : {});
      const answers = await Promise.all(
        asked.map(async ([key, request]) => [key, await ask(request, call, signal)] as const),
      );
      return {
        ...(asked.length > 0 ? { inputResponses: Object.fromEntries(answers) } : {}),
        ...(typeof requestState === 'string' ? { requestState } : {}),
      };
    },
    settle: (response) => waiting.get(response['id'] ?? null)?.(response),
    end() {
      for (const give of waiting.values()) give(new Fault('unavailable', 'The session is over.'));
    },
  };
}

/** MCP 2025-11-25 names a question that a page answers; 2026-07-28 no longer does. */
function paramsOf(request: JsonObject): JsonObject {
  const { params } = request;
  if (!isJsonObject(params)) return {};
  return { params: params['mode'] === 'url' ? { ...params, elicitationId: randomId() } : params };
}
