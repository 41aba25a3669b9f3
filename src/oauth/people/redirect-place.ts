/**
 * Where a redirect URI leads, as people are shown it and as consents know it: scheme and host. Of an application's own scheme
 * (RFC 8252 §7.1) the scheme is all there is.
 */
export function redirectPlace(uri: string): string {
  const { protocol, hostname } = new URL(uri);
  return hostname === '' ? protocol : `${protocol}//${hostname}`;
}

/** Whether it leads to a program on the person's own machine (RFC 8252 §7.3). */
export function isLoopback(uri: string): boolean {
  const { hostname } = new URL(uri);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** As a source of a content policy: where a form may lead in the end (CSP Level 3 §6.3.1). */
export function formTarget(uri: string): string {
  const { protocol, host, hostname } = new URL(uri);
  // Sources have no IPv6 addresses.
  if (hostname === '' || hostname.startsWith('[')) return protocol;
  return `${protocol}//${host}`;
}
