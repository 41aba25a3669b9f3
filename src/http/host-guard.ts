import { Fault } from '../kernel/fault.ts';
import { rememberedFor } from '../kernel/remembered-for.ts';
import type { Headers } from '../wire/headers.ts';

/** Holds Host and Origin of a request to their lists, against DNS rebinding and cross-site requests. */
export interface HostGuard {
  /** Throws Fault `host_refused` or `origin_refused`. */
  check(headers: Headers): void;
}

/**
 * `hosts` are names without port; loopback names are always in. `origins` are serialised origins (RFC 6454 §6.2), to
 * which the listener's own comes: that scheme with the Host of the request, which only our own pages have.
 * A request without Origin is let through: it does not come from a page in a browser.
 */
export function createHostGuard(
  scheme: 'http' | 'https',
  hosts: readonly string[],
  origins: readonly string[],
): HostGuard {
  const names = new Set([...loopbackNames, ...hosts.map((host) => bareName(host.toLowerCase()))]);
  const pages = new Set(origins.map((origin) => origin.toLowerCase()));
  const admitted = rememberedFor((headers: Headers): Headers => {
    const host = headers.get('host');
    // RFC 9110 §7.2: the host is compared without case; the port is the listener's own affair.
    if (host === null || !hostForm.test(host) || !names.has(bareName(host.toLowerCase()))) {
      throw new Fault(
        'host_refused',
        `This listener does not answer to the Host ${JSON.stringify((host ?? '').slice(0, 100))}. Add the name to the listener's hosts.`,
      );
    }
    const origin = headers.get('origin');
    if (origin === null) return headers;
    const page = origin.toLowerCase();
    if (page !== `${scheme}://${host.toLowerCase()}` && !pages.has(page)) {
      throw new Fault(
        'origin_refused',
        `Pages of the Origin ${JSON.stringify(origin.slice(0, 100))} may not call this listener. Add it to the listener's origins.`,
      );
    }
    return headers;
  });
  return { check: (headers) => void admitted(headers) };
}

/** Whether a listener on this host is reachable from this machine only. */
export function isLoopbackHost(host: string): boolean {
  const name = bareName(host.toLowerCase());
  return name === 'localhost' || name === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

const loopbackNames = ['localhost', '127.0.0.1', '::1'];
// RFC 3986 §3.2.2: a name or IPv4 address, or an IPv6 address in brackets, and perhaps a port.
const hostForm = /^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?$/;

/** The name without port, brackets or the dot of the DNS root. */
function bareName(host: string): string {
  if (host.startsWith('[')) return host.slice(1, host.indexOf(']'));
  // More than one colon is an IPv6 address as configuration writes it, without brackets.
  const colon = host.indexOf(':');
  const name = colon !== -1 && colon === host.lastIndexOf(':') ? host.slice(0, colon) : host;
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
