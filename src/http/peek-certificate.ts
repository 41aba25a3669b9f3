import { isIP, type LookupFunction } from 'node:net';
import { connect } from 'node:tls';
import { Fault } from '../kernel/fault.ts';
import type { AddressPolicy } from './address-guard.ts';
import { failureOf } from './failure.ts';
import { guardedLookup, refuseForbidden } from './guarded-lookup.ts';

/** A certificate to look at: whose, and what the handshake asks for. */
export interface Peek {
  readonly host: string;
  readonly port: number;
  /** The name of the Server Name Indication. */
  readonly serverName: string;
  /** The one protocol that is offered (RFC 7301). */
  readonly protocol: string;
  readonly addressGuard: AddressPolicy;
  readonly lookup: LookupFunction;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

/**
 * The certificate (DER) that a TLS server shows to whoever offers that name and protocol. Nothing about it is verified
 * and nothing is sent; the connection ends with the handshake. Throws Fault `address_refused`, `unavailable`,
 * `timed_out`, or `gateway_untrusted` when the server did not choose the protocol or failed the handshake.
 */
export async function peekCertificate(peek: Peek): Promise<Uint8Array> {
  const { host, port, serverName, protocol, addressGuard, milliseconds } = peek;
  if (isIP(host) !== 0) refuseForbidden(addressGuard, host, [{ address: host }]);
  const socket = connect({
    host,
    port,
    servername: serverName,
    ALPNProtocols: [protocol],
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    lookup: guardedLookup(addressGuard, peek.lookup),
  });
  const late = new Fault('timed_out', `${host}:${port} took longer than ${milliseconds} ms.`);
  const timer = setTimeout(() => socket.destroy(late), milliseconds);
  const stop = (): void => void socket.destroy(new Fault('unavailable', 'The check was ended.'));
  peek.signal.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Fault('unavailable', `${host}:${port} ended the connection.`)));
    });
    if (socket.alpnProtocol !== protocol) {
      throw new Fault('gateway_untrusted', `${host}:${port} did not choose the protocol ${protocol}.`);
    }
    const der = socket.getPeerX509Certificate()?.raw;
    if (!der) throw new Fault('gateway_untrusted', `${host}:${port} showed no certificate.`);
    return new Uint8Array(der);
  } catch (error) {
    throw peekFault(error, `${host}:${port}`);
  } finally {
    clearTimeout(timer);
    peek.signal.removeEventListener('abort', stop);
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

function peekFault(error: unknown, place: string): Fault {
  if (error instanceof Fault) return error;
  const { kind, text } = failureOf(error);
  const broken = kind === 'unreachable' && /TLS/.test(text);
  const code =
    kind === 'timeout' ? 'timed_out' : broken || kind === 'unwelcome' ? 'gateway_untrusted' : 'unavailable';
  return new Fault(code, `${place}: ${text}.`, { cause: error });
}
