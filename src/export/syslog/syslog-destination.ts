import { lookup as systemLookup } from 'node:dns';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { AddressPolicy } from '../../http/address-guard.ts';
import { failureOf } from '../../http/failure.ts';
import { guardedLookup, refuseForbidden } from '../../http/guarded-lookup.ts';
import { checkServerIdentity } from '../../http/server-identity.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Destination, ExportBatch } from '../destination.ts';
import { syslogFrame, syslogMessage } from './message.ts';

export interface SyslogPlace {
  /** For people. */
  readonly called: string;
  readonly host: string;
  readonly port: number;
  /** The name in HOSTNAME of every message. */
  readonly sender: string;
  readonly addresses: AddressPolicy;
  /** PEM; those of the system unless given. */
  readonly authorities?: string;
  readonly identity?: { readonly certificate: string; readonly key: string };
  /** How long one batch may take, in milliseconds. */
  readonly milliseconds: number;
}

/**
 * Syslog over TLS (RFC 5425). The protocol has no acknowledgement, so that each batch has a connection of its own: all of it is
 * written, our side is closed, and it is taken when the receiver has closed its side in turn, which a receiver does that has
 * read to the end. A connection that ends in another way has taken nothing, and the batch is sent again.
 */
export function syslogDestination(place: SyslogPlace): Destination {
  return {
    async deliver(batch, signal) {
      const ended = AbortSignal.any([signal, AbortSignal.timeout(place.milliseconds)]);
      const socket = open(place);
      const stop = (): void =>
        void socket.destroy(new Fault('timed_out', `${place.called} does not answer in time.`));
      ended.addEventListener('abort', stop, { once: true });
      try {
        if (ended.aborted) stop();
        await send(socket, batch, place.sender);
      } catch (error) {
        throw inOwnWords(error, place.called);
      } finally {
        ended.removeEventListener('abort', stop);
        socket.destroy();
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function open({ host, port, addresses, authorities, identity }: SyslogPlace): TLSSocket {
  if (isIP(host) !== 0) refuseForbidden(addresses, host, [{ address: host }]);
  return connect({
    host,
    port,
    ...(isIP(host) === 0 && { servername: host }),
    lookup: guardedLookup(addresses, systemLookup),
    minVersion: 'TLSv1.2',
    checkServerIdentity,
    ...(authorities !== undefined && { ca: authorities }),
    ...(identity && { cert: identity.certificate, key: identity.key }),
  });
}

async function send(socket: TLSSocket, { origin, entries }: ExportBatch, host: string): Promise<void> {
  const closed = once(socket, 'close');
  const readToTheEnd = once(socket, 'end');
  // Whichever of them ends first, the other is not waited for.
  closed.catch(() => undefined);
  readToTheEnd.catch(() => undefined);
  await once(socket, 'secureConnect');
  // What a receiver says is nothing of the protocol; unread, its end would not be seen.
  socket.resume();
  for (const entry of entries) {
    const frame = syslogFrame(syslogMessage(origin, entry, { host }));
    if (!socket.write(frame)) await once(socket, 'drain');
  }
  socket.end();
  await Promise.race([
    readToTheEnd,
    closed.then(() => Promise.reject(new Fault('unavailable', 'It ended the connection.'))),
  ]);
}

function inOwnWords(error: unknown, called: string): Fault {
  if (error instanceof Fault) return error;
  return new Fault('unavailable', `${called}: ${failureOf(error).text}.`, { cause: error });
}
