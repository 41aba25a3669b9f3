import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { concat, equalBytes, fromBase64url, toBase64url, utf8 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';

/** What a sealed text is for: one made for one thing does not open as another. */
export type SealPurpose = 'cursor' | 'task' | 'request-state' | 'event' | 'session' | 'approval';

/** For whom and for what a text is sealed. */
export interface SealOwner {
  readonly party: string;
  readonly purpose: SealPurpose;
  /** What it belongs to besides, such as the method of a cursor or the tool of a request state. */
  readonly of: string;
}

/** Makes what servers hand out (cursors, task ids, request states) worthless to everybody but the agent it was for. */
export interface StateSeal {
  /**
   * Equal parts give equal texts, so that a client can compare the ids it was given. Throws Fault `upstream_too_large`
   * for what would not open again.
   */
  seal(parts: readonly string[], owner: SealOwner): string;
  /** Throws Fault `handle_unknown` for any text that was not sealed for this owner. */
  open(sealed: string, owner: SealOwner): readonly string[];
  /** Whether a text that opened before can still be opened: secrets are replaced. */
  opens(sealed: string): boolean;
}

const nonceSize = 12;
const tagSize = 16;
/** The longest text that is looked at, in characters. */
const longestSealed = 1_048_576;
/** The longest that a request repeats in a header, `Mcp-Name`. */
const longestInHeader = 4_096;

/**
 * AES-256-GCM under one half of `key` (64 octets) with the owner as associated data. The nonce is a MAC of owner and
 * parts under the other half, as in SIV (RFC 5297 §1.3.2): it repeats only where everything does.
 */
export function createStateSeal(key: Uint8Array): StateSeal {
  if (key.length !== 64) throw new TypeError('the key of a state seal has 64 octets');
  const encryption = key.slice(0, 32);
  const derivation = key.slice(32);
  const nonceOf = (owner: Uint8Array, plain: Uint8Array): Uint8Array =>
    createHmac('sha256', derivation)
      .update(utf8(`${owner.length}:`))
      .update(owner)
      .update(plain)
      .digest()
      .subarray(0, nonceSize);
  return {
    seal(parts, owner) {
      const aad = associatedData(owner);
      const plain = utf8(JSON.stringify(parts));
      const nonce = nonceOf(aad, plain);
      const cipher = createCipheriv('aes-256-gcm', encryption, nonce).setAAD(aad);
      const sealed = toBase64url(concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
      const most = owner.purpose === 'task' ? longestInHeader : longestSealed;
      if (sealed.length <= most) return sealed;
      const detail = `The MCP server gave out a ${called[owner.purpose]} that is ${sealed.length} characters when sealed; ${most} is the most that could come back.`;
      throw new Fault('upstream_too_large', detail);
    },
    open(sealed, owner) {
      const bytes = sealed.length <= longestSealed ? fromBase64url(sealed) : null;
      if (!bytes || bytes.length <= nonceSize + tagSize) throw unknownHandle(owner);
      const aad = associatedData(owner);
      const nonce = bytes.subarray(0, nonceSize);
      const decipher = createDecipheriv('aes-256-gcm', encryption, nonce)
        .setAAD(aad)
        .setAuthTag(bytes.subarray(-tagSize));
      let plain: Uint8Array;
      try {
        plain = concat([decipher.update(bytes.subarray(nonceSize, -tagSize)), decipher.final()]);
      } catch (cause) {
        throw unknownHandle(owner, cause);
      }
      if (!equalBytes(nonceOf(aad, plain), nonce)) throw unknownHandle(owner);
      return JSON.parse(Buffer.from(plain).toString('utf8')) as readonly string[];
    },
    opens: () => true,
  };
}

function associatedData(owner: SealOwner): Uint8Array {
  return utf8(JSON.stringify([owner.party, owner.purpose, owner.of]));
}

const called: Readonly<Record<SealPurpose, string>> = {
  cursor: 'cursor',
  task: 'task id',
  'request-state': 'request state',
  event: 'event id',
  session: 'session id',
  approval: 'request state',
};

function unknownHandle(owner: SealOwner, cause?: unknown): Fault {
  return new Fault(
    'handle_unknown',
    `This ${called[owner.purpose]} was not given to this agent for this. Ask again without it.`,
    { cause },
  );
}
