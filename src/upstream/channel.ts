import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import type { Fault } from '../kernel/fault.ts';

/** A conversation with a server in single messages both ways, as a child or an HTTP+SSE stream carries it. */
export interface Channel {
  /** Throws Fault `upstream_failed` when the other side is gone or takes nothing. */
  send(message: JsonObject): void;
  /** Ends it; resolves when nothing is left. */
  end(): Promise<void>;
}

/** What comes of a channel. */
export interface ChannelListeners {
  readonly onMessage: (message: JsonObject) => void;
  /** A request, by the id it was sent with, that the other side did not take and will not answer. */
  readonly onRefused: (id: Json, fault: Fault) => void;
  /** Called once when the channel is gone, with why. */
  readonly onGone: (fault: Fault) => void;
}
