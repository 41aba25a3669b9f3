import type { Clock } from '../kernel/clock.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import type { Inbound } from '../mcp/message.ts';
import { createBackOff } from './back-off.ts';
import { createCarriedSessions } from './carried-session.ts';
import type { Channel, ChannelListeners } from './channel.ts';
import { type ChannelSession, openChannelSession } from './channel-session.ts';
import { greetAgain, ready, sayReady } from './greet-again.ts';
import type { UpstreamLimits } from './limits.ts';
import { empty } from './stdio-call.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from './upstream.ts';
import { agentOf, isCallers } from './party.ts';

export interface ChannelUpstreamOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly limits: UpstreamLimits;
  /** Opens a channel to the server: starts a child, or connects. */
  readonly start: (listeners: ChannelListeners, opening: Opening) => Promise<Channel>;
  /** What channels are opened with now; one that was opened with something else is replaced. Null: with nothing that changes. */
  readonly material: (() => Promise<Material>) | null;
  /** Whether a channel that was in use may end without anything being wrong; else the next one waits. */
  readonly mayEnd: boolean;
  /** The channels that may be open at once, and what people call one. */
  readonly most: { readonly channels: number; readonly called: readonly [one: string, many: string] };
  readonly log: (line: string) => void;
}

/** What a channel is opened with, such as the environment of a child. */
export type Material = Readonly<Record<string, string>>;

/** For whom a channel is opened, and with what. */
export interface Opening {
  readonly caller: string;
  readonly material: Material | null;
}

/** A place at the server: a channel that is starting, alive or ending. */
interface Place {
  /** The MCP session id, or null for the channel that a caller's modern requests share. */
  readonly id: string | null;
  /** Whether the client has said that it is ready. */
  ready: boolean;
  readonly caller: string;
  readonly material: Material | null;
  readonly session: Promise<ChannelSession>;
  /** Set once it has started. */
  open: ChannelSession | null;
  /** Set when it is to end, so that its end is not a failure. */
  ending: Promise<void> | null;
  /** When it was last asked for, on the monotonic clock. */
  usedAt: number;
}

/** A server that is spoken to over channels behind the face of Streamable HTTP: one for each session, or each modern caller. */
export function createChannelUpstream(options: ChannelUpstreamOptions): Upstream {
  const { name, clock, limits, most, start, log } = options;
  const places = new Set<Place>();
  const carried = createCarriedSessions('own');
  const greetings = new Map<string, Promise<Place>>();
  const backOff = createBackOff(name, clock, limits);
  let failure: Fault | null = null;
  let disposed = false;

  const end = (place: Place): Promise<void> => {
    if (place.id !== null) carried.ended(place.id);
    place.ending ??= place.session.then(
      (session) => session.end(),
      () => undefined,
    );
    return place.ending;
  };
  const failed = (place: Place, fault: Fault): void => {
    if (!places.delete(place) || place.ending) return;
    if (place.id !== null) carried.ended(place.id);
    log(`Server ${name}: ${fault.message}`);
    const wasWell = place.open?.answered ?? false;
    if (wasWell && options.mayEnd && endings.has(fault.code)) return;
    failure = fault;
    backOff.failed(place.caller, fault, wasWell);
  };
  const settle = async (place: Place): Promise<void> => {
    try {
      place.open = await place.session;
    } catch (error) {
      failed(place, toFault(error));
    }
  };
  const open = (opening: Opening, era: Inbound['era'], id: string | null): Place => {
    const { caller, material } = opening;
    if (disposed) throw new Fault('upstream_unreachable', `MCP server ${name} was removed.`);
    backOff.check(caller);
    makeRoom(places, caller, { most, ...limits }, end);
    const session = openChannelSession({
      era,
      limits,
      start: (listeners) => start(listeners, opening),
      onUnused: () => void end(place),
      onGone: (fault) => failed(place, fault),
    });
    const place: Place = {
      id,
      ready: era === 'modern',
      caller,
      material,
      session,
      open: null,
      ending: null,
      usedAt: clock.monotonic(),
    };
    places.add(place);
    void settle(place);
    return place;
  };
  const find = (id: string | undefined, caller: string): Place | null => {
    for (const place of places) {
      if (place.id === null || place.id !== id || place.caller !== caller || place.ending) continue;
      place.usedAt = clock.monotonic();
      return place;
    }
    return null;
  };
  /** Whether an id says what is needed to open the session here, and nobody has it here. */
  const isElsewhere = (id: string): boolean =>
    carried.greetingOf(id) !== null && ![...places].some((place) => place.id === id);
  /** The session of an id, opened anew when it was another gateway's. Throws Fault `session_unknown`. */
  const findOrOpen = async (id: string, request: UpstreamRequest): Promise<Place> => {
    const { caller, inbound, headers } = request;
    const known = find(id, caller) ?? (await greetings.get(id));
    if (known?.caller === caller) return known;
    const greeting = known || !isElsewhere(id) ? null : carried.greetingOf(id);
    // An answer belongs to a question that was asked over the channel that is gone.
    if (!greeting || inbound?.messages.every(({ kind }) => kind === 'response')) throw unknownSession();
    const material = options.material ? await options.material() : null;
    const place = open({ caller, material }, 'legacy', id);
    const stated = headers['mcp-protocol-version'];
    const greeted = (async () => {
      await greetAgain(await place.session, greeting, { stated, milliseconds: limits.handshakeMilliseconds });
      place.ready = true;
      return place;
    })();
    greetings.set(id, greeted);
    try {
      return await greeted;
    } catch (error) {
      void end(place);
      throw error;
    } finally {
      greetings.delete(id);
    }
  };
  /** What a client says in a session. A gateway that was not told that it is ready, since another was, says so itself. */
  const say = async (place: Place, inbound: Inbound, signal: AbortSignal): Promise<UpstreamResponse> => {
    const session = await place.session;
    const [first] = inbound.messages;
    if (first?.method === ready) {
      if (place.ready) return empty(202);
      place.ready = true;
    } else if (!place.ready && first?.kind === 'request' && first.method !== 'ping') {
      place.ready = true;
      // Not awaited: it is on its way before anything that follows, and when it fails that fails too.
      sayReady(session, first.revision, signal).catch(() => undefined);
    }
    return session.post(inbound, signal);
  };
  /** The place that the modern requests of a caller share; one of before its material changed ends when its calls are over. */
  const shared = (opening: Opening): Place => {
    for (const place of places) {
      if (place.id !== null || place.caller !== opening.caller || place.ending) continue;
      if (sameMaterial(place, opening)) return place;
      place.ending = place.session
        .then(async (session) => await session.quiet(null))
        .catch(() => undefined)
        .then(async () => await place.open?.end());
    }
    return open(opening, 'modern', null);
  };
  /**
   * A session whose material changed ends before its next request, once what is under way is over: whoever asks starts a new
   * one. Calls that take longer than a while are not waited for; then the session goes on with what it has.
   */
  const settleMaterial = async (place: Place, opening: Opening, signal: AbortSignal): Promise<void> => {
    if (sameMaterial(place, opening)) return;
    const session = await place.session;
    await session.quiet(AbortSignal.any([signal, AbortSignal.timeout(quietMilliseconds)]));
    if (session.working) return;
    void end(place);
    throw new Fault(
      'session_unknown',
      'The secrets that this session was opened with were replaced. Start a new one.',
    );
  };

  const initialize = async (
    inbound: Inbound,
    request: UpstreamRequest,
    opening: Opening,
  ): Promise<UpstreamResponse> => {
    const id = carried.idFor(inbound.messages[0]?.params ?? {});
    const place = open(opening, 'legacy', id);
    try {
      const response = await (await place.session).post(inbound, request.signal);
      const refused = response.headers['content-type'] === 'application/json' && !place.open?.answered;
      if (!refused) return { ...response, headers: { ...response.headers, 'mcp-session-id': id } };
      void end(place);
      return response;
    } catch (error) {
      // Nobody was told the session's id, so nobody could ever end it.
      void end(place);
      throw error;
    }
  };

  return {
    name,
    async send(request) {
      const { inbound, method, caller, signal } = request;
      const id = request.headers['mcp-session-id'];
      if (!inbound) {
        if (id === undefined) throw unknownSession();
        if (method === 'GET') return (await (await findOrOpen(id, request)).session).listen(signal);
        const place = find(id, caller);
        if (!place && !isElsewhere(id)) throw unknownSession();
        carried.ended(id);
        if (place) await end(place);
        return empty(204);
      }
      const asks = inbound.messages.some(({ kind }) => kind === 'request');
      const opening = { caller, material: asks && options.material ? await options.material() : null };
      if (inbound.era === 'modern') {
        const place = shared(opening);
        place.usedAt = clock.monotonic();
        return (await place.session).post(inbound, signal);
      }
      if (id !== undefined) {
        const place = await findOrOpen(id, request);
        if (asks) await settleMaterial(place, opening, signal);
        return await say(place, inbound, signal);
      }
      if (inbound.messages.length === 1 && inbound.messages[0]?.method === 'initialize') {
        return initialize(inbound, request, opening);
      }
      throw new Fault(
        'header_mismatch',
        'The Mcp-Session-Id header is missing; only initialize goes without it.',
      );
    },
    health() {
      const alive = [...places].filter((place) => place.open && !place.ending).length;
      if (alive > 0) return { state: 'up', detail: `${alive} ${most.called[alive === 1 ? 0 : 1]}` };
      return failure
        ? { state: 'down', detail: failure.message }
        : { state: 'idle', detail: `no ${most.called[0]} is needed` };
    },
    async endCaller(caller) {
      backOff.forget(caller);
      await Promise.all([...places].filter((place) => isCallers(place.caller, caller)).map(end));
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      await Promise.all([...places].map(end));
    },
  };
}

function unknownSession(): Fault {
  return new Fault('session_unknown', 'This session does not exist at the MCP server. Start a new one.');
}

/** How long a request waits for those before it when its session is to be replaced, in milliseconds. */
const quietMilliseconds = 10_000;

function sameMaterial(place: Pick<Place, 'material'>, opening: Pick<Opening, 'material'>): boolean {
  const [was, now] = [place.material, opening.material];
  if (was === now || was === null || now === null) return was === now;
  const names = Object.keys(now);
  return names.length === Object.keys(was).length && names.every((name) => was[name] === now[name]);
}

/** How a channel ends that did nothing wrong. */
const endings: ReadonlySet<string> = new Set(['upstream_failed', 'session_unknown']);

/**
 * Holds the caps. A caller at its own cap loses the session it has not used for longest, if it waits for nothing
 * there: abandoned sessions must not lock their owner out. Throws Fault `limit_reached`.
 */
function makeRoom(
  places: ReadonlySet<Place>,
  caller: string,
  limits: Pick<ChannelUpstreamOptions, 'most'> & Pick<UpstreamLimits, 'sessionsPerCaller'>,
  end: (place: Place) => Promise<void>,
): void {
  const mine = [...places].filter((place) => isCallers(place.caller, agentOf(caller)) && !place.ending);
  if (mine.length >= limits.sessionsPerCaller) {
    const [oldest] = mine
      .filter((place) => place.open && !place.open.busy)
      .sort((a, b) => a.usedAt - b.usedAt);
    if (!oldest) {
      throw new Fault(
        'limit_reached',
        `This agent has ${mine.length} sessions in use at this server, the most allowed.`,
      );
    }
    void end(oldest);
  }
  const { channels, called } = limits.most;
  // Those that are ending still hold memory and processes.
  if (places.size >= channels) {
    throw new Fault('limit_reached', `This server has ${places.size} ${called[1]}, the most allowed.`);
  }
}
