import type { Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { AuthorityDescription } from '../authority/authority.ts';

const strict = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/**
 * Answers the `people` listener: what this authority is and its root certificate, for a browser, and the bundle, for
 * partners.
 */
export async function answerPeople(
  exchange: Exchange,
  authority: AuthorityDescription,
  bundle: () => Promise<JsonObject>,
): Promise<void> {
  try {
    if (exchange.method !== 'GET') throw new Fault('method_not_allowed', 'This listener has GET only.');
    switch (exchange.path) {
      case '/':
        return await exchange.respond(
          200,
          { ...strict, 'content-type': 'text/html; charset=utf-8' },
          page(authority),
        );
      case '/ca.pem':
        return await answerRoots(exchange, authority);
      case '/bundle':
        return await answerBundle(exchange, await bundle());
      default:
        throw new Fault('not_found', `${exchange.path} is not a page of this listener.`);
    }
  } catch (error) {
    await answerProblem(exchange, toFault(error));
  }
}

/** The root certificate as text. */
export async function answerRoots(exchange: Exchange, authority: AuthorityDescription): Promise<void> {
  // RFC 8555 §9.1 registers the media type of a PEM chain.
  await exchange.respond(200, { 'content-type': 'application/pem-certificate-chain' }, authority.roots);
}

/** A SPIFFE bundle, which is nothing without the certificate of whoever answers. */
export async function answerBundle(exchange: Exchange, bundle: JsonObject): Promise<void> {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  await exchange.respond(200, headers, JSON.stringify(bundle));
}

function page(authority: AuthorityDescription): string {
  const ends = new Date(authority.rootNotAfter).toISOString().slice(0, 10);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Countersign · ${escapeHtml(authority.trustDomain)}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
code { overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>Countersign</h1>
<p>This is the certificate authority of the trust domain <code>${escapeHtml(authority.trustDomain)}</code>.</p>
<dl>
<dt>Root certificate</dt>
<dd><a href="/ca.pem">ca.pem</a>, valid until ${ends}</dd>
<dt>Its SHA-256 fingerprint</dt>
<dd><code>${escapeHtml(authority.rootFingerprint)}</code></dd>
</dl>
<p>Agents, servers and policies are administered with the <code>countersign</code> command and an admin certificate.</p>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
