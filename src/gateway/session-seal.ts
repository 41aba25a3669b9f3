import { Fault } from '../kernel/fault.ts';
import { createSeal, longestSealed } from '../kernel/seal.ts';

/** Makes an MCP session id worthless to everybody but the caller and the server it was made for. */
export interface SessionSeal {
  /** The session id a client is given for an upstream's own. Throws Fault `upstream_too_large`. */
  seal(upstreamSession: string, owner: SessionOwner): string;
  /** The upstream's session id. Throws Fault `session_unknown` for any id not sealed to this owner. */
  open(sealed: string, owner: SessionOwner): string;
}

/** Whose session it is. Bound to the agent, and to the person it acts for (`partyOf`), not to one certificate, so that it outlives a renewal. */
export interface SessionOwner {
  readonly party: string;
  readonly server: string;
}

/** Sealed under `key` (32 octets) with the owner as the context. */
export function createSessionSeal(key: Uint8Array): SessionSeal {
  const { seal, open } = createSeal(key);
  return {
    seal(upstreamSession, owner) {
      const sealed = seal(upstreamSession, [owner.party, owner.server]);
      if (sealed.length <= longestSealed) return sealed;
      throw new Fault('upstream_too_large', 'The MCP server opened a session with an id that is too long.');
    },
    open(sealed, owner) {
      const session = open(sealed, [owner.party, owner.server]);
      if (session !== null) return session;
      // MCP 2025-11-25, Session Management: an unknown session is 404, and the client starts a new one.
      throw new Fault('session_unknown', 'This session does not exist for this agent. Start a new one.');
    },
  };
}
