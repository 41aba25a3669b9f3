import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { randomId } from '../kernel/random.ts';
import type { Connection, TlsMaterial } from './exchange.ts';
import { tlsReason } from './tls-reason.ts';

/** A connection as its listener knows it. */
export interface LiveConnection extends Connection {
  /** Why requests on it are refused although the handshake completed, or null; some listeners admit a few. */
  readonly refusal: string | null;
  /** The identifier of the next exchange. */
  nextExchange(): string;
  /** How long to wait before the next request is read, in milliseconds; asked once. */
  takeRest(): number;
}

/** Reads once what holds for the whole life of an accepted socket. */
export function createConnection(socket: Socket, partners?: TlsMaterial['partners']): LiveConnection {
  const id = randomId();
  const shown = socket instanceof TLSSocket ? presented(socket) : nothingPresented;
  const gone = new AbortController();
  let exchanges = 0;
  let rest = 0;
  socket.once('close', () => gone.abort());
  return {
    id,
    address: plainAddress(socket.remoteAddress ?? ''),
    ...shown,
    ...(partners && { partners }),
    facts: new Map(),
    closed: gone.signal,
    cut() {
      socket.destroy();
      // 'close' comes a turn later; whoever holds the signal stops now.
      gone.abort();
    },
    nextExchange: () => `${id}.${++exchanges}`,
    rest(milliseconds) {
      rest = Math.max(rest, milliseconds);
    },
    takeRest() {
      const taken = rest;
      rest = 0;
      return taken;
    },
  };
}

type Presented = Pick<LiveConnection, 'certificate' | 'unverified' | 'refusal'>;

const nothingPresented: Presented = { certificate: null, refusal: null };

function presented(socket: TLSSocket): Presented {
  const peer = socket.getPeerX509Certificate();
  if (!peer) return nothingPresented;
  // A certificate that does not verify is a failed identity, not the absence of one.
  if (!socket.authorized) {
    return {
      certificate: null,
      unverified: new Uint8Array(peer.raw),
      refusal: tlsReason(new Error('not verified'), String(socket.authorizationError)),
    };
  }
  return { certificate: new Uint8Array(peer.raw), refusal: null };
}

/** The address of a peer; IPv4 peers of a dual-stack socket in their own form. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
