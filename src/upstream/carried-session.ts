import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { packText, unpackText } from '../kernel/pack-text.ts';
import { parseJson } from '../kernel/parse-json.ts';
import { randomId } from '../kernel/random.ts';

/**
 * The ids of sessions that this gateway keeps itself. Such an id says how its client greeted, so that a gateway which does not
 * have the session can open it anew; what the server remembered of it is gone then. The gateway seals it for its caller
 * before anybody is given it, so what it says is what the client said.
 */
export interface CarriedSessions {
  /** A fresh id for a session that is opened with these parameters of `initialize`. */
  idFor(params: JsonObject): string;
  /** The parameters of a session of another gateway; null for an id that says none, or that was known here and is over. */
  greetingOf(id: string): JsonObject | null;
  /** Whether an id is one of these at all. */
  isOne(id: string): boolean;
  /** The session is over. */
  ended(id: string): void;
}

/** Longest greeting in an id, in characters: the id is sent with every request, and sealed it may have 4096. */
const longestPacked = 2_048;
const longestGreeting = 65_536;
/** Ids of ended sessions that are remembered. */
const mostEnded = 10_000;

/** `mark` tells the ids of one keeper of sessions from those of others and of servers. */
export function createCarriedSessions(mark: string): CarriedSessions {
  const over = new Set<string>();
  const prefix = `${mark}.`;
  return {
    idFor({ protocolVersion, capabilities, clientInfo }) {
      const kept = { protocolVersion, capabilities, clientInfo };
      return `${prefix}${randomId()}.${packText(JSON.stringify(kept), longestPacked) ?? ''}`;
    },
    greetingOf(id) {
      if (!id.startsWith(prefix) || over.has(id)) return null;
      const text = unpackText(id.slice(id.lastIndexOf('.') + 1), longestGreeting);
      if (text === null || text === '') return null;
      try {
        const greeting = parseJson(text);
        return isJsonObject(greeting) ? greeting : null;
      } catch {
        return null;
      }
    },
    isOne: (id) => id.startsWith(prefix),
    ended(id) {
      over.add(id);
      const [oldest] = over;
      if (over.size > mostEnded && oldest !== undefined) over.delete(oldest);
    },
  };
}
