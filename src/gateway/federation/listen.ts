import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Inbound, Message } from '../../mcp/message.ts';
import { type Asking, converse, serversFor } from './asking.ts';
import { createMergedStream, type Following, keepFollowing, type MergedStream } from './merged-stream.ts';
import { eventsOf, readMessage } from './read-answer.ts';
import { interpret } from './interpret.ts';
import { recordMerged } from './record-merged.ts';
import type { Sink } from './sink.ts';
import { acknowledged, Subscription } from './subscription.ts';
import type { Watchers } from './watchers.ts';

/**
 * `subscriptions/listen` at all servers at once (MCP 2026-07-28, Subscriptions). Changes of lists are always honoured:
 * the gateway has some of its own to tell, when servers or policies come and go. Resources and tasks are honoured as
 * far as their servers do so within the deadline. Resolves when the agent left, or when
 * there was nothing to tell for too long. Throws Fault `handle_unknown`.
 */
export async function listenToAll(
  asking: Asking,
  message: Message,
  { sink, inbound, watchers }: { sink: Sink; inbound: Inbound; watchers: Watchers },
): Promise<void> {
  const { exchange, ports } = asking;
  const servers = new Set(serversFor(asking, 'subscriptions/listen'));
  const listening = new Subscription(message, { party: asking.party, seal: ports.handles }, servers);
  await recordMerged(asking, { inbound, asked: [...servers], leftOut: [] });
  const stream = createMergedStream(sink, exchange.closed, {
    silentMilliseconds: ports.federation.limits.silentMilliseconds,
    leaving: ports.leaving,
    log: ports.log,
  });
  const follow = (now: Asking): void => {
    for (const server of serversFor(now, 'subscriptions/listen')) {
      if (!listening.wants(server)) continue;
      stream.attach(server, (signal) =>
        keepFollowing(
          (until, attempt) => followServer({ asking, listening, stream, server }, until, attempt),
          signal,
        ),
      );
    }
  };
  const watching = watchers.enter({
    asking,
    changed(now) {
      stream.keep(new Set(serversFor(now, 'subscriptions/listen')));
      follow(now);
      listening.tellLists(stream);
    },
  });
  try {
    follow(asking);
    await listening.answered(ports.federation.limits.listMilliseconds);
    await stream.send(listening.acknowledgement());
    listening.begin();
    await stream.over;
    if (exchange.closed.aborted) return;
    // MCP 2026-07-28, Subscriptions: the response says that the end is meant. Without it, the agent listens again elsewhere.
    if (!ports.leaving.aborted) await sink.event(listening.completion());
    await sink.end();
  } finally {
    watching[Symbol.dispose]();
  }
}

interface Follower {
  readonly asking: Asking;
  readonly listening: Subscription;
  readonly stream: MergedStream;
  readonly server: string;
}

/** One subscription at one server. */
async function followServer(follower: Follower, signal: AbortSignal, attempt: number): Promise<Following> {
  const { asking, listening, stream, server } = follower;
  const answer = await converse(asking, server, listening.request(server), signal);
  if (answer.body instanceof Uint8Array) {
    listening.settle(server, null);
    return answer.status >= 500 || answer.status === 429 ? { heard: false, retry: null } : 'never';
  }
  // What changed while nobody listened is not known.
  if (attempt > 0) listening.tellLists(stream);
  let heard = false;
  try {
    for await (const { data } of eventsOf(answer.body)) {
      heard = true;
      const message = data === null || data === '' ? null : readMessage(data);
      if (isJsonObject(message)) await hear(follower, message);
    }
  } catch (error) {
    if (error instanceof Fault && error.code === 'upstream_garbage') throw error;
  } finally {
    listening.settle(server, null);
  }
  return { heard, retry: null };
}

async function hear({ listening, stream, server }: Follower, message: JsonObject): Promise<void> {
  const { method, params } = message;
  if (method === acknowledged) {
    return listening.settle(server, isJsonObject(params) ? params['notifications'] : null);
  }
  // The response ends this server's part only.
  if (typeof method !== 'string') return;
  const told = interpret(message, { server, questions: null, heard: [] });
  if (!isJsonObject(told) || !listening.tells(method)) return;
  await listening.begun();
  await stream.send(listening.told(method, isJsonObject(told['params']) ? told['params'] : {}));
}
