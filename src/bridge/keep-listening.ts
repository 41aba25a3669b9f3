import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { type Answer, readAnswers } from './answers.ts';
import { createBackOff } from './back-off.ts';
import type { Call } from './call.ts';
import type { GatewayResponse } from './gateway-connection.ts';
import type { BridgeLimits } from './limits.ts';

/** What an attempt to listen came to: a stream, or an answer that is no success. */
export type Listening<Refused> = { readonly response: GatewayResponse } | Refused;

const acknowledged = 'notifications/subscriptions/acknowledged';
const subscriptionId = 'io.modelcontextprotocol/subscriptionId';
const lists = ['tools', 'prompts', 'resources'] as const;

/** Whether a line is a subscription of 2026-07-28: it changes nothing, so it may be asked for as often as one likes. */
export function isListening({ outgoing }: Call): boolean {
  const [message] = outgoing.messages;
  return outgoing.revision !== null && !outgoing.batch && message?.method === 'subscriptions/listen';
}

/**
 * Keeps a subscription: a stream that ends without a response was not meant to end (MCP 2026-07-28, Subscriptions), as when
 * its gateway leaves, and is opened anew. What changed in between is not known, so the lists that the client watches are said
 * to have changed. Gives back a refusal; throws what the first attempt throws.
 */
export async function keepListening<Refused extends { readonly status: number }>(
  call: Call,
  ports: {
    readonly open: () => Promise<Listening<Refused>>;
    readonly deliver: (answer: Answer) => Promise<void>;
    readonly limits: BridgeLimits;
  },
): Promise<Refused | null> {
  const { limits, deliver } = ports;
  const backOff = createBackOff(limits);
  const goesOn = (): boolean => call.waiting.size > 0 && !call.signal.aborted;
  for (let times = 0; ; times += 1) {
    const opened = await ports.open().catch((error: unknown) => {
      if (times === 0 || call.signal.aborted || lasts(error)) throw error;
      return null;
    });
    if (opened && 'status' in opened) {
      const passing = times > 0 && (opened.status === 429 || opened.status >= 500);
      if (!passing) return opened;
    } else if (opened) {
      if (times > 0) await tellLists(call, deliver);
      if (await hear(opened.response, { again: times > 0, deliver, limits })) backOff.reset();
      else if (times === 0 && goesOn()) {
        throw new Fault('upstream_failed', 'The subscription ended before anything came of it.');
      }
    }
    if (!goesOn()) return null;
    await backOff.pause(call.signal);
    if (!goesOn()) return null;
  }
}

/** What another attempt does not mend. */
function lasts(error: unknown): boolean {
  return (
    error instanceof Fault && ['gateway_untrusted', 'identity_refused', 'too_large'].includes(error.code)
  );
}

/** Delivers a stream to its end, and says whether it brought anything. An acknowledgement is for the first time alone. */
async function hear(
  response: GatewayResponse,
  {
    again,
    deliver,
    limits,
  }: { again: boolean; deliver: (answer: Answer) => Promise<void>; limits: BridgeLimits },
): Promise<boolean> {
  let heard = false;
  try {
    for await (const answer of readAnswers(response, limits.messageBytes)) {
      heard ||= answer.line !== null;
      if (again && answer.messages.some(({ method }) => method === acknowledged)) continue;
      await deliver(answer);
    }
  } catch (error) {
    // A break is what this is for.
    if (error instanceof Fault && error.code !== 'unavailable') throw error;
  }
  return heard;
}

async function tellLists({ outgoing }: Call, deliver: (answer: Answer) => Promise<void>): Promise<void> {
  const [message] = outgoing.messages;
  const wished = message?.params['notifications'];
  const wish: JsonObject = isJsonObject(wished) ? wished : {};
  for (const list of lists) {
    if (wish[`${list}ListChanged`] !== true) continue;
    const params = { _meta: { [subscriptionId]: message?.id ?? null } };
    const told: JsonObject = { jsonrpc: '2.0', method: `notifications/${list}/list_changed`, params };
    await deliver({ line: JSON.stringify(told), messages: [told], eventId: null, retry: null });
  }
}
