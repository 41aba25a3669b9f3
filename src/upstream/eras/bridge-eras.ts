import { isJsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Seal } from '../../kernel/seal.ts';
import type { Message } from '../../mcp/message.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import { createLegacyOverModern } from './legacy-over-modern.ts';
import { createModernOverLegacy } from './modern-over-legacy.ts';
import { readMessages } from './read-messages.ts';
import { looksLikeSse, sseHint } from './sse-hint.ts';
import { createServerSpeech } from './server-speech.ts';

export interface EraOptions {
  readonly era: 'auto' | 'modern' | 'legacy';
  readonly silenceIsLegacy: boolean;
  readonly clock: Clock;
  readonly limits: UpstreamLimits;
  /** Seals the state that a caller is given to come back with. */
  readonly seal: Seal;
  readonly log: (line: string) => void;
}

/**
 * An upstream that takes requests of both eras, whichever its server speaks. What reaches the server is the permitted
 * request itself, or what is made of it and of nothing else; `docs/eras.md` lists what the gateway adds.
 */
export function bridgeEras(inner: Upstream, options: EraOptions): Upstream {
  const speech = createServerSpeech({ inner, ...options });
  const modern = createModernOverLegacy(inner, options);
  const legacy = createLegacyOverModern(inner, options);

  const open = async (request: UpstreamRequest, message: Message): Promise<UpstreamResponse> => {
    if (speech.legacy === true) return await inner.send(request);
    if (speech.legacy === null) {
      const response = await inner.send(request);
      // A session that opens is proof; a refusal may come from a server that has none.
      if (!(await isRefusal(response))) speech.legacy = true;
      else if (await speech.modern()) speech.legacy = false;
      if (speech.legacy === true) return response;
      if (speech.legacy === null) {
        if (looksLikeSse(response.status)) options.log(`Server ${inner.name} ${sseHint(response.status)}`);
        return response;
      }
    }
    return await legacy.initialize(request, message);
  };

  const sendModern = async (request: UpstreamRequest): Promise<UpstreamResponse> =>
    (await speech.modern()) ? await inner.send(request) : await modern.send(request);

  const sendLegacy = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const { inbound } = request;
    if (legacy.holds(request)) return await legacy.send(request);
    const [message] = inbound?.messages ?? [];
    if (message?.method === 'initialize') return await open(request, message);
    return speech.legacy === false ? await legacy.send(request) : await inner.send(request);
  };

  return {
    name: inner.name,
    async send(request) {
      try {
        if (request.inbound?.era !== 'modern') return await sendLegacy(request);
        return await (speech.modern() === true ? inner.send(request) : sendModern(request));
      } catch (error) {
        // A server that fails may come back as another one.
        if (error instanceof Fault && failures.has(error.code)) speech.doubt();
        throw error;
      }
    },
    health: () => inner.health(),
    async endCaller(caller) {
      legacy.endCaller(caller);
      await modern.endCaller(caller);
      await inner.endCaller(caller);
    },
    async [Symbol.asyncDispose]() {
      await legacy[Symbol.asyncDispose]();
      await modern[Symbol.asyncDispose]();
      await inner[Symbol.asyncDispose]();
    },
  };
}

const failures: ReadonlySet<string> = new Set([
  'upstream_unreachable',
  'upstream_failed',
  'upstream_garbage',
]);

/** Whether `initialize` was answered whole, and not with a result. */
async function isRefusal(response: UpstreamResponse): Promise<boolean> {
  if (!(response.body instanceof Uint8Array)) return false;
  if (response.status >= 400) return response.status < 500;
  for await (const message of readMessages(response)) if (isJsonObject(message['result'])) return false;
  return true;
}
