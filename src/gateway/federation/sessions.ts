import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { packText, unpackText } from '../../kernel/pack-text.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { FederatedSession } from './session.ts';
import type { StateSeal } from '../state-seal.ts';

/** The sessions of the legacy era with all servers at once, in this process. */
export interface Sessions {
  open(owner: { readonly party: string; readonly agent: string }, hello: JsonObject): FederatedSession;
  /** The session id as its client is given it. */
  sealed(session: FederatedSession): string;
  /** One of another gateway is opened anew. Throws Fault `session_unknown` for what is not a session of this agent. */
  find(sealed: string | null, owner: { readonly party: string; readonly agent: string }): FederatedSession;
  end(session: FederatedSession): void;
  /** Drops what nobody has used for long, and what belongs to an agent that may not go on. */
  review(mayGoOn: (agent: string) => boolean): void;
  readonly count: number;
}

export interface SessionLimits {
  /** Sessions of one agent; the one not used for longest makes room. */
  readonly perAgent: number;
  readonly idleMilliseconds: number;
}

/** What a session remembers of its client, in characters of JSON: sessions wait in memory. */
const longestHello = 65_536;

export function createSessions(clock: Clock, seal: StateSeal, limits: SessionLimits): Sessions {
  const sessions = new Map<string, FederatedSession>();
  /** Those that are over here: they are not opened again. */
  const over = new Set<string>();
  const forget = (id: string): void => {
    sessions.delete(id);
    over.add(id);
    const [oldest] = over;
    if (over.size > mostEnded && oldest !== undefined) over.delete(oldest);
  };
  const ownerOf = (party: string) => ({ party, purpose: 'session', of: '' }) as const;
  const makeRoom = (agent: string): void => {
    const mine = [...sessions.values()].filter((session) => session.agent === agent);
    if (mine.length < limits.perAgent) return;
    // Abandoned sessions must not lock their owner out.
    const [oldest] = mine.filter(({ listener }) => listener === null).sort((a, b) => a.usedAt - b.usedAt);
    if (!oldest) {
      throw new Fault('limit_reached', `This agent has ${mine.length} sessions in use, the most allowed.`);
    }
    forget(oldest.id);
  };
  /** What the session knew of its servers is known no more; each is greeted anew when it is asked for. */
  const again = (
    id: string,
    greeting: JsonObject | null,
    owner: { readonly party: string; readonly agent: string },
  ): FederatedSession => {
    if (!greeting || over.has(id)) throw unknownSession();
    makeRoom(owner.agent);
    const session = new FederatedSession(owner, greeting, clock.monotonic(), id);
    sessions.set(id, session);
    return session;
  };
  return {
    open(owner, hello) {
      if (JSON.stringify(hello).length > longestHello) {
        throw new Fault(
          'params_invalid',
          `The parameters of initialize are longer than ${longestHello} characters.`,
        );
      }
      makeRoom(owner.agent);
      const session = new FederatedSession(owner, hello, clock.monotonic());
      sessions.set(session.id, session);
      return session;
    },
    sealed: (session) => seal.seal([session.id, packed(session.hello)], ownerOf(session.party)),
    find(sealed, owner) {
      const { id, greeting } = openId(sealed, seal, ownerOf(owner.party));
      const session = sessions.get(id) ?? again(id, greeting, owner);
      if (session.party !== owner.party) throw unknownSession();
      session.usedAt = clock.monotonic();
      return session;
    },
    end: ({ id }) => forget(id),
    review(mayGoOn) {
      const oldest = clock.monotonic() - limits.idleMilliseconds;
      for (const [id, session] of sessions) {
        const idle = session.listener === null && session.running.size === 0 && session.usedAt < oldest;
        if (idle || !mayGoOn(session.agent)) forget(id);
      }
    },
    get count() {
      return sessions.size;
    },
  };
}

/** Longest greeting in the id of a session, in characters: every request repeats it in a header. */
const longestPacked = 2_048;
/** Ids of ended sessions that are remembered. */
const mostEnded = 10_000;

/** Empty where it is too long: then the session lives in this gateway alone. */
function packed({ protocolVersion, capabilities, clientInfo }: JsonObject): string {
  return packText(JSON.stringify({ protocolVersion, capabilities, clientInfo }), longestPacked) ?? '';
}

function openId(
  sealed: string | null,
  seal: StateSeal,
  owner: Parameters<StateSeal['open']>[1],
): { readonly id: string; readonly greeting: JsonObject | null } {
  try {
    const [id = '', greeting = ''] = seal.open(sealed ?? '', owner);
    const text = greeting === '' ? null : unpackText(greeting, longestHello);
    const value = text === null ? null : parseJson(text);
    return { id, greeting: isJsonObject(value) ? value : null };
  } catch (cause) {
    throw unknownSession(cause);
  }
}

function unknownSession(cause?: unknown): Fault {
  // MCP 2025-11-25, Session Management: an unknown session is 404, and the client starts a new one.
  return new Fault('session_unknown', 'This session does not exist for this agent. Start a new one.', {
    cause,
  });
}
