import { canonicalJson, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { Upstream } from '../upstream.ts';
import { ServerSession } from './server-session.ts';
import { agentOf, isCallers } from '../party.ts';

/** The sessions that the gateway keeps with one server, each for one caller and what its client can do. */
export interface ServerSessions {
  /** Throws Fault `limit_reached` or what opening throws. */
  of(
    caller: string,
    client: { readonly capabilities: JsonObject; readonly info: JsonObject | null },
  ): Promise<ServerSession>;
  /** The session did not exist at the server any more. */
  forget(session: ServerSession): void;
  endCaller(caller: string): Promise<void>;
  endAll(): Promise<void>;
}

interface Place {
  readonly key: string;
  readonly caller: string;
  readonly session: Promise<ServerSession>;
  open: ServerSession | null;
  usedAt: number;
}

export function createServerSessions(inner: Upstream, clock: Clock, limits: UpstreamLimits): ServerSessions {
  const places = new Map<string, Place>();

  const end = async (place: Place): Promise<void> => {
    if (places.get(place.key) === place) places.delete(place.key);
    const session = await place.session.catch(() => null);
    await session?.end();
  };
  const sweep = setInterval(() => {
    for (const place of places.values()) {
      const idle = place.open !== null && !place.open.busy;
      if (idle && clock.monotonic() - place.usedAt >= limits.unusedMilliseconds) void end(place);
    }
  }, limits.unusedMilliseconds / 4);
  sweep.unref();

  const makeRoom = (caller: string): void => {
    const mine = [...places.values()].filter((place) => isCallers(place.caller, agentOf(caller)));
    if (mine.length < limits.sessionsPerCaller) return;
    const [oldest] = mine
      .filter((place) => place.open !== null && !place.open.busy)
      .sort((a, b) => a.usedAt - b.usedAt);
    if (!oldest)
      throw new Fault('limit_reached', `This agent has ${mine.length} sessions in use at this server.`);
    void end(oldest);
  };
  const settle = async (place: Place): Promise<void> => {
    try {
      place.open = await place.session;
    } catch {
      if (places.get(place.key) === place) places.delete(place.key);
    }
  };

  return {
    async of(caller, { capabilities, info }) {
      const key = canonicalJson([caller, capabilities, info]);
      const known = places.get(key);
      if (known && !known.open?.gone) {
        known.usedAt = clock.monotonic();
        return await known.session;
      }
      makeRoom(caller);
      const session = ServerSession.open({ inner, caller, capabilities, info, limits });
      const place: Place = { key, caller, session, open: null, usedAt: clock.monotonic() };
      places.set(key, place);
      await settle(place);
      return await session;
    },
    forget(session) {
      for (const place of places.values()) if (place.open === session) void end(place);
    },
    async endCaller(caller) {
      await Promise.all([...places.values()].filter((place) => isCallers(place.caller, caller)).map(end));
    },
    async endAll() {
      clearInterval(sweep);
      await Promise.all([...places.values()].map(end));
    },
  };
}
