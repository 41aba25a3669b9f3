import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';

const subscriptionId = 'io.modelcontextprotocol/subscriptionId';

/** One request under way at a child, by the identifier that is ours. */
export interface MappedRequest<Call> {
  readonly call: Call;
  readonly id: Json;
  /** The caller's own progress token, or null. */
  readonly progressToken: Json;
}

/**
 * Gives every request of a child an identifier of its own, so that two callers' equal ids, progress tokens or
 * subscriptions cannot cross, and puts the caller's back on the way out.
 */
export interface IdMap<Call> {
  readonly size: number;
  /** The request as the child shall see it. */
  claim(request: JsonObject, call: Call): { readonly id: number; readonly message: JsonObject };
  /** The request that a response belongs to, with the response as the caller shall see it; forgets the request. */
  settle(
    response: JsonObject,
  ): { readonly request: MappedRequest<Call>; readonly message: JsonObject } | null;
  /** The request that a notification names by progress token or subscription; null when it names none that is known. */
  trace(
    notification: JsonObject,
  ): { readonly request: MappedRequest<Call>; readonly message: JsonObject } | null;
  /** Our identifier of the latest request with this id of the caller's. */
  latest(id: Json): number | null;
  /** Forgets the requests of a call and returns our identifiers. */
  forget(call: Call): readonly number[];
  calls(): Iterable<Call>;
}

export function createIdMap<Call>(): IdMap<Call> {
  const requests = new Map<number, MappedRequest<Call>>();
  let last = 0;
  return {
    get size() {
      return requests.size;
    },
    claim(request, call) {
      const id = ++last;
      const params = isJsonObject(request['params']) ? request['params'] : null;
      const meta = params && isJsonObject(params['_meta']) ? params['_meta'] : null;
      const progressToken = meta?.['progressToken'] ?? null;
      requests.set(id, { call, id: request['id'] ?? null, progressToken });
      if (progressToken === null) return { id, message: { ...request, id } };
      return {
        id,
        message: { ...request, id, params: { ...params, _meta: { ...meta, progressToken: id } } },
      };
    },
    settle(response) {
      const { id } = response;
      const request = typeof id === 'number' ? requests.get(id) : undefined;
      if (!request) return null;
      requests.delete(Number(id));
      const result = response['result'];
      const restored = isJsonObject(result) ? { result: restoreSubscription(result, request.id) } : {};
      return { request, message: { ...response, ...restored, id: request.id } };
    },
    trace(notification) {
      const params = isJsonObject(notification['params']) ? notification['params'] : {};
      const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
      const progress = notification['method'] === 'notifications/progress';
      const named = progress ? params['progressToken'] : meta[subscriptionId];
      const request = requests.get(Number(named ?? Number.NaN));
      if (!request || (progress && request.progressToken === null)) return null;
      const own = progress
        ? { ...params, progressToken: request.progressToken }
        : restoreSubscription(params, request.id);
      return { request, message: { ...notification, params: own } };
    },
    latest(id) {
      const found = [...requests].findLast(([, request]) => request.id === id);
      return found ? found[0] : null;
    },
    forget(call) {
      const mine = [...requests].filter(([, request]) => request.call === call).map(([id]) => id);
      for (const id of mine) requests.delete(id);
      return mine;
    },
    calls: () => new Set([...requests.values()].map((request) => request.call)),
  };
}

/** Whether a notification claims to belong to one request. */
export function namesRequest(notification: JsonObject): boolean {
  if (notification['method'] === 'notifications/progress') return true;
  const params = notification['params'];
  const meta = isJsonObject(params) ? params['_meta'] : null;
  return isJsonObject(meta) && meta[subscriptionId] !== undefined;
}

function restoreSubscription(holder: JsonObject, id: Json): JsonObject {
  const meta = holder['_meta'];
  if (!isJsonObject(meta) || meta[subscriptionId] === undefined) return holder;
  return { ...holder, _meta: { ...meta, [subscriptionId]: id } };
}
