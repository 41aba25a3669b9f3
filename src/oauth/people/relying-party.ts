import type { Exchange } from '../../http/exchange.ts';
import { Fault } from '../../kernel/fault.ts';

/** What a browser knows our pages by. */
export interface RelyingParty {
  /** WebAuthn Level 3 §4, RP ID: the host, without port. */
  readonly host: string;
  readonly origin: string;
}

/**
 * The name that the browser used. The listener has held it to its list before (RFC 9110 §7.2), and the browser and the authenticator sign it.
 * Throws Fault `host_refused` for an address: passkeys are for names.
 */
export function relyingParty({ headers }: Exchange): RelyingParty {
  const asked = (headers.get('host') ?? '').toLowerCase();
  const host = asked.replace(/:\d+$/, '');
  if (/^[\d.]*$|^\[/.test(host)) {
    throw new Fault(
      'host_refused',
      'Passkeys are for names and not for addresses. Open this page by a name, such as localhost.',
    );
  }
  return { host, origin: `https://${asked}` };
}

/**
 * Holds a request that changes something to our own pages: browsers send Origin with every POST, and a request without one does not come from
 * a page. Throws Fault `origin_refused`.
 */
export function requireOwnPage(exchange: Exchange): void {
  const origin = exchange.headers.get('origin')?.toLowerCase();
  const own = `https://${(exchange.headers.get('host') ?? '').toLowerCase()}`;
  const site = exchange.headers.get('sec-fetch-site') ?? 'same-origin';
  if (origin === own && site === 'same-origin') return;
  throw new Fault('origin_refused', 'Only a page of this listener itself may ask for this.');
}
