import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Message } from '../../mcp/message.ts';
import { exposedUri } from './exposed-names.ts';
import type { MergedStream } from './merged-stream.ts';
import { type Directory, tasksByServer, urisByServer } from './to-server.ts';

const subscriptionId = 'io.modelcontextprotocol/subscriptionId';
export const acknowledged = 'notifications/subscriptions/acknowledged';
const listKinds = ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const;
/** The members of the wish that name things of servers (MCP 2026-07-28, Subscriptions; SEP-2663). */
const thingKinds = ['resourceSubscriptions', 'taskIds'] as const;

type ByServer = ReadonlyMap<string, readonly string[]>;

/** What one agent wants to hear, and what servers have said to it so far. */
export class Subscription {
  readonly message: Message;
  readonly #wanted: JsonObject;
  readonly #things: Readonly<Record<(typeof thingKinds)[number], ByServer>>;
  readonly #waiting: Set<string>;
  readonly #honoured: Record<(typeof thingKinds)[number], string[]> = {
    resourceSubscriptions: [],
    taskIds: [],
  };
  readonly #all = Promise.withResolvers<void>();
  readonly #begun = Promise.withResolvers<void>();

  /** Throws Fault `handle_unknown` for a task that is not this agent's. */
  constructor(message: Message, own: Pick<Directory, 'party' | 'seal'>, servers: ReadonlySet<string>) {
    this.message = message;
    const wanted = message.params['notifications'];
    this.#wanted = isJsonObject(wanted) ? wanted : {};
    this.#things = {
      resourceSubscriptions: urisByServer(this.#wanted['resourceSubscriptions']),
      taskIds: tasksByServer(this.#wanted['taskIds'], own),
    };
    const named = thingKinds.flatMap((kind) => [...this.#things[kind].keys()]);
    this.#waiting = new Set(named.filter((server) => servers.has(server)));
  }

  wants(server: string): boolean {
    return (
      thingKinds.some((kind) => this.#things[kind].has(server)) ||
      listKinds.some((kind) => this.#wanted[kind] === true)
    );
  }

  /** The wish as one server shall hear it: only its own things. */
  request(server: string): JsonObject {
    const { resourceSubscriptions: _resources, taskIds: _tasks, ...notifications } = this.#wanted;
    const own = thingKinds.flatMap((kind): [string, Json][] => {
      const things = this.#things[kind].get(server);
      return things ? [[kind, things]] : [];
    });
    const wish = { ...notifications, ...Object.fromEntries(own) };
    return { ...this.message.value, params: { ...this.message.params, notifications: wish } };
  }

  /** A server said what it honours, or will say nothing. */
  settle(server: string, honoured: Json | undefined): void {
    if (this.#waiting.delete(server) && isJsonObject(honoured)) {
      for (const kind of thingKinds) {
        const things = honoured[kind];
        const asked = this.#things[kind].get(server) ?? [];
        // A server honours what it was asked for, not what it makes up.
        const own = asked.filter((thing) => Array.isArray(things) && things.includes(thing));
        this.#honoured[kind].push(...own.map((name) => exposed(kind, server, name)));
      }
    }
    if (this.#waiting.size === 0) this.#all.resolve();
  }

  /** Resolves when every server that was asked for things of its own has answered, or at the deadline. */
  async answered(milliseconds: number): Promise<void> {
    if (this.#waiting.size === 0) return;
    const timer = setTimeout(() => this.#all.resolve(), milliseconds);
    await this.#all.promise;
    clearTimeout(timer);
  }

  acknowledgement(): { readonly event: string; readonly data: string } {
    const lists = listKinds.filter((kind) => this.#wanted[kind] === true).map((kind) => [kind, true]);
    const things = thingKinds
      .filter((kind) => this.#wanted[kind] !== undefined)
      .map((kind) => [kind, this.#honoured[kind]]);
    return this.told(acknowledged, { notifications: Object.fromEntries([...lists, ...things]) });
  }

  /** The response to the request that the subscription is. */
  completion(): { readonly event: string; readonly data: string } {
    const { id } = this.message;
    const result = { resultType: 'complete', _meta: { [subscriptionId]: id } };
    return { event: 'message', data: JSON.stringify({ jsonrpc: '2.0', id, result }) };
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

  /** Whether a notification is of a kind that the agent wants to hear. */
  tells(method: string): boolean {
    const kind = /^notifications\/(tools|prompts|resources)\/list_changed$/.exec(method)?.[1];
    if (kind !== undefined) return this.#wanted[`${kind}ListChanged`] === true;
    if (method === 'notifications/resources/updated')
      return this.#wanted['resourceSubscriptions'] !== undefined;
    return method.startsWith('notifications/tasks') && this.#wanted['taskIds'] !== undefined;
  }

  /** A notification under the id of this subscription, whatever a server calls its own. */
  told(method: string, params: JsonObject): { readonly event: string; readonly data: string } {
    const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
    const tagged = { ...params, _meta: { ...meta, [subscriptionId]: this.message.id } };
    return { event: 'message', data: JSON.stringify({ jsonrpc: '2.0', method, params: tagged }) };
  }
}

/** The id of a task is sealed for the agent where the answer of its server comes from. */
function exposed(kind: (typeof thingKinds)[number], server: string, name: string): string {
  return kind === 'taskIds' ? name : exposedUri({ server, name });
}
