import type { MessageId, Outgoing } from './outgoing.ts';
import { requestIds } from './outgoing.ts';

/** One line of the client on its way. */
export interface Call {
  readonly outgoing: Outgoing;
  /** Whether octets may have left. */
  sent: boolean;
  /** Ids that are not answered yet. */
  readonly waiting: ReadonlySet<MessageId>;
  readonly abort: AbortController;
  readonly signal: AbortSignal;
}

/** The calls under way, by the ids of their requests. */
export interface Calls {
  readonly size: number;
  begin(outgoing: Outgoing, stop: AbortSignal): Call;
  find(id: MessageId): Call | null;
  /** Takes an id off; false when nobody waits for it. */
  settle(id: MessageId): boolean;
  end(call: Call): void;
  all(): Iterable<Call>;
}

export function createCalls(): Calls {
  const running = new Map<Call, Set<MessageId>>();
  // 1 and "1" are different ids, and different keys of a map.
  const byId = new Map<MessageId, Call>();
  return {
    get size() {
      return running.size;
    },
    begin(outgoing, stop) {
      const abort = new AbortController();
      const signal = AbortSignal.any([abort.signal, stop]);
      const waiting = new Set(requestIds(outgoing));
      const call = { outgoing, sent: false, waiting, abort, signal };
      running.set(call, waiting);
      for (const id of waiting) byId.set(id, call);
      return call;
    },
    find: (id) => byId.get(id) ?? null,
    settle(id) {
      const call = byId.get(id);
      if (call) running.get(call)?.delete(id);
      return byId.delete(id);
    },
    end(call) {
      for (const id of call.waiting) if (byId.get(id) === call) byId.delete(id);
      running.delete(call);
    },
    all: () => running.keys(),
  };
}
