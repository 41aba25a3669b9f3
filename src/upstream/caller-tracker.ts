import type { UpstreamRequest, UpstreamResponse } from './upstream.ts';
import { isCallers } from './party.ts';

/** Which exchanges and sessions belong to which caller, so that they can be ended when the caller loses its standing. */
export interface CallerTracker {
  /** Notes an exchange that can be ended. */
  enter(caller: string, call: Endable): void;
  /** It is over. */
  leave(caller: string, call: Endable): void;
  /** Notes a session that the answer opened or the request ended. */
  follow(request: UpstreamRequest, response: UpstreamResponse): void;
  /** Ends the caller's exchanges, forgets its sessions and returns them. */
  end(caller: string): readonly string[];
  endAll(): void;
}

/** An exchange under way. */
export interface Endable {
  end(reason: Error): void;
}

/** The latest sessions of a caller that are remembered; older ones expire at the server. */
const mostSessions = 64;

export function createCallerTracker(): CallerTracker {
  const calls = new Map<string, Set<Endable>>();
  const sessions = new Map<string, Set<string>>();

  const abortAll = (caller: string): void => {
    for (const call of calls.get(caller) ?? []) call.end(new Error('the caller was ended'));
  };
  const forget = (caller: string, session: string): void => {
    const known = sessions.get(caller);
    known?.delete(session);
    if (known?.size === 0) sessions.delete(caller);
  };

  return {
    enter(caller, call) {
      const mine = calls.get(caller) ?? new Set();
      calls.set(caller, mine.add(call));
    },
    leave(caller, call) {
      const mine = calls.get(caller);
      if (mine?.delete(call) && mine.size === 0) calls.delete(caller);
    },
    follow(request, response) {
      const named = request.headers['mcp-session-id'];
      if (named !== undefined && (request.method === 'DELETE' || response.status === 404))
        forget(request.caller, named);
      const opened = response.headers['mcp-session-id'];
      if (opened === undefined || opened === named) return;
      const known = sessions.get(request.caller) ?? new Set();
      sessions.set(request.caller, known.add(opened));
      const [oldest] = known;
      if (known.size > mostSessions && oldest !== undefined) known.delete(oldest);
    },
    end(caller) {
      for (const party of calls.keys()) if (isCallers(party, caller)) abortAll(party);
      const parties = [...sessions.keys()].filter((party) => isCallers(party, caller));
      const ended = parties.flatMap((party) => [...(sessions.get(party) ?? [])]);
      for (const party of parties) sessions.delete(party);
      return ended;
    },
    endAll() {
      for (const caller of calls.keys()) abortAll(caller);
      sessions.clear();
    },
  };
}
