import { hkdfSync } from 'node:crypto';
import { fromBase64url } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { randomBytes, randomId } from '../kernel/random.ts';
import { createSessionSeal, type SessionSeal } from './session-seal.ts';
import { createStateSeal, type StateSeal } from './state-seal.ts';

/** The secrets that all gateways of an authority seal with, as it tells them: it makes them and replaces them. */
export interface SealingKeys {
  /** The id of the one that seals now. */
  readonly current: string;
  /** 32 octets each, in base64url, by id: that one, those before it, and the next, which others may be told of sooner. */
  readonly keys: Readonly<Record<string, string>>;
}

/** The seals of this gateway, under whatever secrets count at the moment; the id of its secret stands before what is sealed. */
export interface KeyRing {
  readonly sessions: SessionSeal;
  readonly handles: StateSeal;
  /** What was sealed under a secret that is not among these opens no more. */
  take(keys: SealingKeys): void;
  /** Keys for the nonces of proofs that all gateways have, the one that counts now first; none until they are told of any. */
  proofKeys(): readonly Uint8Array[];
}

interface Seals {
  readonly secret: string;
  readonly sessions: SessionSeal;
  readonly handles: StateSeal;
  readonly proofs: Uint8Array;
}

const idPattern = /^[A-Za-z0-9_-]{1,32}$/;

/** Until it is told of any, a secret of its own seals, which opens for as long as this process lives. */
export function createKeyRing(): KeyRing {
  const ownId = `own-${randomId().slice(0, 8)}`;
  const own = sealsUnder(randomBytes(32), '');
  let known: ReadonlyMap<string, Seals> = new Map([[ownId, own]]);
  let current: readonly [id: string, seals: Seals] = [ownId, own];
  let proofKeys: readonly Uint8Array[] = [];
  const under = (sealed: string): readonly [seals: Seals | null, text: string] => {
    const end = sealed.indexOf('.');
    return [known.get(sealed.slice(0, Math.max(end, 0))) ?? null, sealed.slice(end + 1)];
  };
  return {
    sessions: {
      seal: (session, owner) => `${current[0]}.${current[1].sessions.seal(session, owner)}`,
      open(sealed, owner) {
        const [seals, text] = under(sealed);
        // MCP 2025-11-25, Session Management: an unknown session is 404, and the client starts a new one.
        if (!seals)
          throw new Fault('session_unknown', 'This session does not exist for this agent. Start a new one.');
        return seals.sessions.open(text, owner);
      },
    },
    handles: {
      seal: (parts, owner) => `${current[0]}.${current[1].handles.seal(parts, owner)}`,
      open(sealed, owner) {
        const [seals, text] = under(sealed);
        return (seals ?? own).handles.open(seals ? text : '', owner);
      },
      opens: (sealed) => under(sealed)[0] !== null,
    },
    take({ current: id, keys }) {
      const taken = new Map([[ownId, own]]);
      for (const [each, secret] of Object.entries(keys)) {
        const before = known.get(each);
        taken.set(each, before?.secret === secret ? before : readSeals(each, secret));
      }
      const seals = taken.get(id);
      if (!seals) throw new Fault('invalid_input', 'The feed names a sealing key that it does not bring.');
      known = taken;
      current = [id, seals];
      const others = [...taken.values()].filter((each) => each !== seals && each !== own);
      proofKeys = [seals, ...others].map((each) => each.proofs);
    },
    proofKeys: () => proofKeys,
  };
}

function readSeals(id: string, secret: string): Seals {
  const octets = fromBase64url(secret);
  if (octets?.length === 32 && idPattern.test(id)) return sealsUnder(octets, secret);
  throw new Fault('invalid_input', 'The feed brings a sealing key that is none.');
}

function sealsUnder(octets: Uint8Array, secret: string): Seals {
  const derive = (purpose: string, size: number): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', octets, '', `countersign ${purpose}`, size));
  return {
    secret,
    sessions: createSessionSeal(derive('sessions', 32)),
    handles: createStateSeal(derive('handles', 64)),
    proofs: derive('nonces of proofs', 32),
  };
}
