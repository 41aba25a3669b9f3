import type { KeyObject } from 'node:crypto';
import { certify } from '../../ca/certify.ts';
import { type MemoryAuthority, memoryAuthority } from '../../ca/memory-authority.ts';
import { specimenOrder } from '../../ca/specimen-request.ts';
import { readCertificate, type Certificate } from '../../x509/certificate.ts';
import { readKeyCertificate } from '../../x509/cms-signer.ts';
import { readElement, SequenceReader } from '../../x509/der-reader.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import { buildRequest, readRequest } from '../../x509/request.ts';
import { createJoinToken } from '../join-token/create-join-token.ts';
import { memoryJoinTokens } from '../join-token/memory-join-tokens.ts';
import { joinTokenChallenges } from './join-token-challenges.ts';
import { memoryTransactions } from './memory-transactions.ts';
import { pkiOperation } from './pki-operation.ts';
import {
  type Answer,
  messageOf,
  type MessageWords,
  readAnswer,
  type ScepClient,
} from './scep-client.fixture.ts';
import type { ScepParts } from './scep-parts.ts';

/** An authority in memory with an open SCEP door, for specifications. */
export interface ScepTown {
  readonly ca: MemoryAuthority;
  readonly parts: ScepParts;
  readonly registration: Uint8Array;
  /** A join token for an agent. */
  token(name: string): Promise<string>;
  /** Sends a message and reads the answer. */
  ask(client: ScepClient, words: Omit<MessageWords, 'registration'>): Promise<Answer>;
  send(message: Uint8Array): Promise<Uint8Array>;
}

/** Keys cost a tenth of a second each, so specifications share them. */
export interface TownKeys {
  readonly registration: KeyObject;
}

/** `changes` take the place of parts, or are made of them. */
export async function openScepTown(
  keys: TownKeys,
  changes: Partial<ScepParts> | ((parts: ScepParts, ca: MemoryAuthority) => Partial<ScepParts>) = {},
): Promise<ScepTown> {
  const ca = memoryAuthority();
  const { clock, audit } = ca;
  const registration = await issueTo(ca, keys.registration, 'registration', 'ra');
  const tokens = memoryJoinTokens();
  const strangers = { record: audit.append };
  const base: ScepParts = {
    ca,
    transactions: memoryTransactions(),
    challenges: joinTokenChallenges({ tokens, agents: ca.agents, clock, audit, strangers }),
    registration: () => ({
      certificate: registration,
      key: keys.registration,
      certificates: [readKeyCertificate(registration)],
    }),
    crl: () => new Uint8Array(Buffer.from('3003020101', 'hex')),
    legacy: false,
    renewalGrace: 0,
    strangers,
    running: new Map(),
  };
  const parts = { ...base, ...(typeof changes === 'function' ? changes(base, ca) : changes) };
  const send = (message: Uint8Array): Promise<Uint8Array> => pkiOperation(message, '192.0.2.1', parts);
  return {
    ca,
    parts,
    registration,
    async token(name) {
      ca.agentStates.set(name, 'active');
      return (await createJoinToken({ name, kind: 'agent', createdBy: 'alice' }, { tokens, clock, audit }))
        .token;
    },
    ask: async (client, words) =>
      readAnswer(client, await send(messageOf(client, { ...words, registration }))),
    send,
  };
}

/** A certificate of the authority for a key. */
export async function issueTo(
  ca: MemoryAuthority,
  key: KeyObject,
  name: string,
  kind: LeafKind,
): Promise<Uint8Array> {
  const request = readRequest(buildRequest(key, { commonName: name }));
  return (await certify(specimenOrder({ evidence: { name, kind, door: 'admin' }, request }), ca)).der;
}

/** The first certificate of a certs-only message. */
export function firstOf(certsOnly: Uint8Array | null): Certificate {
  const outer = new SequenceReader(readElement(certsOnly ?? new Uint8Array()));
  outer.next();
  const inner = new SequenceReader(readElement(outer.next(0xa0).content));
  for (let skipped = 0; skipped < 3; skipped++) inner.next();
  const [first] = new SequenceReader({ ...inner.next(0xa0), tag: 0x30 }).rest();
  return readCertificate(first?.whole ?? new Uint8Array());
}
