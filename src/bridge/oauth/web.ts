import { getCACertificates } from 'node:tls';
import { type AddressPolicy, addressRanges } from '../../http/address-guard.ts';
import { type Client, type ClientRequest, createClient, type WholeResponse } from '../../http/fetch.ts';
import { Fault } from '../../kernel/fault.ts';
import { isAtAuthority } from '../authorities.ts';
import type { Credentials } from '../credentials.ts';
import { requireAuthority, requireGateway } from '../require-peer.ts';

/** Where the requests of one sign-in go. Nothing is followed that redirects; what is asked of whom is fixed when it is opened. */
export interface Web extends AsyncDisposable {
  /** Throws what `Client.request` throws, and Fault `address_refused` for what is no address to ask. */
  request(request: ClientRequest): Promise<WholeResponse>;
  /** A URL that somebody named, once it is one that may be asked or shown. Throws Fault `sign_in_failed`. */
  check(url: string, what: string): URL;
  /** Shows our certificate at these URLs from now on, if there is one that may be shown; whether it does. */
  present(urls: readonly string[]): boolean;
  /** Whether it is shown at a URL. */
  presents(url: string): boolean;
  /** Whether plain HTTP on this machine is asked too. */
  readonly local: boolean;
}

/** Who is asked how. */
export interface Ways {
  /** The MCP server. */
  readonly server: string;
  /** Other URLs that the user named: they may be at any address, as the server. */
  readonly named: readonly string[];
  /** The roots that vouch for the server, in PEM; null for those of the system. */
  readonly roots: string | null;
  /** Our own gateway and authority, which see our certificate; of others only whom `present` names. */
  readonly own: { readonly credentials: Credentials; readonly authority: string | null } | null;
}

const limits = { totalMilliseconds: 30_000, bodyBytes: 256 * 1024 };

/** Opens the ways; each has connections of its own, so that no certificate is shown on another's. */
export function openWeb({ server, named, roots, own }: Ways): Web {
  const place = new URL(server);
  const local = own === null && isLoopbackName(place.hostname);
  const known = new Set([server, ...named].map((url) => new URL(url).origin));
  const clients = new Map<string, Client>();
  const presented = new Set<string>();
  const clientFor = (url: URL): Client => {
    const key = `${url.origin}${presented.has(url.origin) ? ' with the certificate' : ''}`;
    const held = clients.get(key) ?? createClient({ ...wayTo(url), limits });
    clients.set(key, held);
    return held;
  };

  const wayTo = (url: URL): Pick<Parameters<typeof createClient>[0], 'tls' | 'addressGuard'> => {
    if (own && url.origin === place.origin) {
      return { tls: ownTls(own.credentials, requireGateway(own.credentials.leaf)), addressGuard: 'any' };
    }
    if (own && isAtAuthority(url.href, own.authority)) {
      return { tls: ownTls(own.credentials, requireAuthority(own.credentials.leaf)), addressGuard: 'any' };
    }
    if (own && presented.has(url.origin))
      return { tls: shownTo(own.credentials), addressGuard: guardFor(url, known, local) };
    // Neither sees a certificate of ours.
    const authorities = own
      ? withSystem(own.credentials.roots)
      : url.origin === place.origin
        ? roots
        : withSystem(roots);
    return {
      ...(authorities !== null && { tls: { authorities } }),
      addressGuard: guardFor(url, known, local),
    };
  };

  const check = (text: string, what: string): URL => {
    const url = URL.canParse(text) ? new URL(text) : null;
    const plain = url?.protocol === 'http:' && local && isLoopbackName(url.hostname);
    if (!url || (url.protocol !== 'https:' && !plain) || url.username !== '' || url.password !== '') {
      throw new Fault('sign_in_failed', `${what} is not an https URL, so nothing is asked there.`);
    }
    return url;
  };

  const isOwn = (url: URL): boolean =>
    own !== null && (url.origin === place.origin || isAtAuthority(url.href, own.authority));
  return {
    local,
    present(urls) {
      if (own === null) return false;
      // Our own are shown it anyway, and know the peer better.
      for (const url of urls.map((each) => new URL(each))) if (!isOwn(url)) presented.add(url.origin);
      return true;
    },
    presents: (url) => isOwn(new URL(url)) || presented.has(new URL(url).origin),
    check,
    async request(request) {
      return await clientFor(check(request.url, 'What is to be asked')).request(request);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}

/** Plain HTTP stays on this machine; who was not named by the user is on the internet, or beside a server on this machine. */
function guardFor(url: URL, known: ReadonlySet<string>, local: boolean): AddressPolicy {
  if (url.protocol === 'http:') return addressRanges(['loopback']);
  if (known.has(url.origin)) return 'any';
  return local ? addressRanges(['public', 'loopback']) : 'public-only';
}

function ownTls(
  { certificate, key, roots }: Credentials,
  inspect: (certificate: Uint8Array) => void,
): NonNullable<Parameters<typeof createClient>[0]['tls']> {
  return { certificate, key, ...(roots !== null && { authorities: roots, inspect }) };
}

/** An authorization server that is not ours, but knows our authority: its own certificate may be from elsewhere. */
function shownTo({
  certificate,
  key,
  roots,
}: Credentials): NonNullable<Parameters<typeof createClient>[0]['tls']> {
  const authorities = withSystem(roots);
  return { certificate, key, ...(authorities !== null && { authorities }) };
}

/** Whom a server names may have its certificate from elsewhere. */
function withSystem(roots: string | null): string | null {
  return roots === null ? null : [roots, ...getCACertificates('default')].join('\n');
}

/** Whether a host of a URL is this machine by its very name. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
