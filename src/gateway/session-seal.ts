import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat, fromBase64url, toBase64url, utf8 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { randomBytes } from '../kernel/random.ts';

/** Makes an MCP session id worthless to everybody but the caller and the server it was made for. */
export interface SessionSeal {
  /** The session id a client is given for an upstream's own. */
  seal(upstreamSession: string, owner: SessionOwner): string;
  /** The upstream's session id. Throws Fault `session_unknown` for any id not sealed to this owner. */
  open(sealed: string, owner: SessionOwner): string;
}

/** Whose session it is. Bound to the agent's SPIFFE ID, not to one certificate, so that it outlives a renewal. */
export interface SessionOwner {
  readonly spiffeId: string;
  readonly server: string;
}

const nonceSize = 12;
const tagSize = 16;
const longestSealed = 4096;

/** AES-256-GCM under `key` (32 octets) with the owner as associated data. */
export function createSessionSeal(key: Uint8Array): SessionSeal {
  return {
    seal(upstreamSession, owner) {
      const nonce = randomBytes(nonceSize);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associatedData(owner));
      const text = concat([cipher.update(utf8(upstreamSession)), cipher.final()]);
      return toBase64url(concat([nonce, text, cipher.getAuthTag()]));
    },
    open(sealed, owner) {
      const bytes = sealed.length <= longestSealed ? fromBase64url(sealed) : null;
      if (!bytes || bytes.length <= nonceSize + tagSize) throw unknownSession();
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceSize))
        .setAAD(associatedData(owner))
        .setAuthTag(bytes.subarray(-tagSize));
      try {
        const text = concat([decipher.update(bytes.subarray(nonceSize, -tagSize)), decipher.final()]);
        return Buffer.from(text).toString('utf8');
      } catch (cause) {
        throw unknownSession(cause);
      }
    },
  };
}

function associatedData(owner: SessionOwner): Uint8Array {
  return utf8(JSON.stringify([owner.spiffeId, owner.server]));
}

function unknownSession(cause?: unknown): Fault {
  // MCP 2025-11-25, Session Management: an unknown session is 404, and the client starts a new one.
  return new Fault('session_unknown', 'This session does not exist for this agent. Start a new one.', {
    cause,
  });
}
