import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';
import { type Asking, converse, serversFor, wordingOf } from './asking.ts';
import { exposedUri } from './exposed-names.ts';
import { createMergedStream, type Following, keepFollowing, type MergedStream } from './merged-stream.ts';
import { eventsOf, readMessage } from './read-answer.ts';
import { interpret } from './interpret.ts';
import type { Sink } from './sink.ts';
import { urisByServer } from './to-server.ts';
import type { Watchers } from './watchers.ts';

const subscriptionId = 'io.modelcontextprotocol/subscriptionId';
const acknowledged = 'notifications/subscriptions/acknowledged';
const listKinds = ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const;

/**
 * `subscriptions/listen` at all servers at once (MCP 2026-07-28, Subscriptions). Changes of lists are always honoured:
 * the gateway has some of its own to tell, when servers or policies come and go. Resources are honoured as far as their
 * servers do so within the deadline. Resolves when the agent left.
 */
export async function listenToAll(
  asking: Asking,
  message: Message,
  sink: Sink,
  watchers: Watchers,
): Promise<void> {
  const { exchange, ports } = asking;
  const listening = new Listening(message, new Set(serversFor(asking, 'subscriptions/listen')));
  const stream = createMergedStream(sink, exchange.closed, ports.federation.log);
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
  } finally {
    watching[Symbol.dispose]();
  }
}

/** What one agent wants to hear, and what servers have said to it so far. */
class Listening {
  readonly message: Message;
  readonly #wanted: JsonObject;
  readonly #uris: ReadonlyMap<string, readonly string[]>;
  readonly #waiting: Set<string>;
  readonly #honoured: string[] = [];
  readonly #all = Promise.withResolvers<void>();
  readonly #begun = Promise.withResolvers<void>();

  constructor(message: Message, servers: ReadonlySet<string>) {
    this.message = message;
    const wanted = message.params['notifications'];
    this.#wanted = isJsonObject(wanted) ? wanted : {};
    this.#uris = urisByServer(this.#wanted['resourceSubscriptions']);
    this.#waiting = new Set([...this.#uris.keys()].filter((server) => servers.has(server)));
  }

  wants(server: string): boolean {
    return this.#uris.has(server) || listKinds.some((kind) => this.#wanted[kind] === true);
  }

  /** The wish as one server shall hear it: only its own resources. */
  request(server: string): JsonObject {
    const { resourceSubscriptions: _, ...lists } = this.#wanted;
    const uris = this.#uris.get(server);
    const notifications = uris ? { ...lists, resourceSubscriptions: uris } : lists;
    return { ...this.message.value, params: { ...this.message.params, notifications } };
  }

  /** A server said what it honours, or will say nothing. */
  settle(server: string, honoured: Json | undefined): void {
    const uris = isJsonObject(honoured) ? honoured['resourceSubscriptions'] : null;
    if (this.#waiting.has(server) && Array.isArray(uris)) {
      const own = uris.filter((uri: unknown): uri is string => typeof uri === 'string');
      this.#honoured.push(...own.map((name) => exposedUri({ server, name })));
    }
    this.#waiting.delete(server);
    if (this.#waiting.size === 0) this.#all.resolve();
  }

  /** Resolves when every server that was asked for resources has answered, or at the deadline. */
  async answered(milliseconds: number): Promise<void> {
    if (this.#waiting.size === 0) return;
    const timer = setTimeout(() => this.#all.resolve(), milliseconds);
    await this.#all.promise;
    clearTimeout(timer);
  }

  acknowledgement(): { readonly event: string; readonly data: string } {
    const lists = Object.fromEntries(
      listKinds.filter((kind) => this.#wanted[kind] === true).map((kind) => [kind, true]),
    );
    const uris = this.#uris.size === 0 ? {} : { resourceSubscriptions: this.#honoured };
    return this.told(acknowledged, { notifications: { ...lists, ...uris } });
  }

  /** The acknowledgement is the first message; everything else waits for it. */
  begin(): void {
    this.#begun.resolve();
  }

  async begun(): Promise<void> {
    await this.#begun.promise;
  }

  /** Says that the lists the agent watches may have changed. */
  tellLists(stream: MergedStream): void {
    for (const kind of listKinds) {
      if (this.#wanted[kind] !== true) continue;
      const method = `notifications/${kind.replace('ListChanged', '')}/list_changed`;
      this.begun()
        .then(() => stream.send(this.told(method, {})))
        .catch(() => undefined);
    }
  }

  /** Whether a notification is of a kind that the agent wants to hear (MCP 2026-07-28, Subscriptions). */
  tells(method: string): boolean {
    const kind = /^notifications\/(tools|prompts|resources)\/list_changed$/.exec(method)?.[1];
    if (kind !== undefined) return this.#wanted[`${kind}ListChanged`] === true;
    return method === 'notifications/resources/updated' || method.startsWith('notifications/tasks');
  }

  /** A notification under the id of this subscription, whatever a server calls its own. */
  told(method: string, params: JsonObject): { readonly event: string; readonly data: string } {
    const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
    const tagged = { ...params, _meta: { ...meta, [subscriptionId]: this.message.id } };
    return { event: 'message', data: JSON.stringify({ jsonrpc: '2.0', method, params: tagged }) };
  }
}

interface Follower {
  readonly asking: Asking;
  readonly listening: Listening;
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

async function hear({ asking, listening, stream, server }: Follower, message: JsonObject): Promise<void> {
  const { method, params } = message;
  if (method === acknowledged) {
    return listening.settle(server, isJsonObject(params) ? params['notifications'] : null);
  }
  // The response ends this server's part only.
  if (typeof method !== 'string') return;
  const told = interpret(message, {
    wording: wordingOf(asking, server),
    subject: null,
    questions: null,
    heard: [],
  });
  if (!isJsonObject(told) || !listening.tells(method)) return;
  await listening.begun();
  await stream.send(listening.told(method, isJsonObject(told['params']) ? told['params'] : {}));
}
