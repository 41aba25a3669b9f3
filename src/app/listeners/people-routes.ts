import type { Exchange } from '../../http/exchange.ts';
import type { SignInDoor } from '../../enrol/sign-in/sign-in-door.ts';
import { answerUpstream } from '../../enrol/sign-in/sign-in-routes.ts';
import { html } from '../../http/html.ts';
import { answerProblem } from '../../http/problem.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { answerInteraction, type ConsentDoor } from '../../oauth/people/interaction-pages.ts';
import { answerPage, type Page } from '../../oauth/people/page.ts';
import type { PeopleDoor } from '../../oauth/people/people-door.ts';
import { answerPeoplePages } from '../../oauth/people/people-pages.ts';
import type { AuthorizationServer } from '../../oauth/server/authorization-server.ts';
import { interactionPath } from '../../oauth/server/interactions.ts';
import type { AuthorityDescription } from '../authority/authority.ts';

/** What is behind the `people` listener. */
export interface PeopleParts {
  readonly bundle: () => Promise<JsonObject>;
  readonly people: PeopleDoor;
  readonly atProviders: SignInDoor;
  /** Null when access tokens are not issued, or not yet. */
  readonly tokens: Pick<AuthorizationServer, 'servesBrowser' | 'answerBrowser'> | null;
  readonly consent: ConsentDoor | null;
}

/**
 * Answers the `people` listener: what this authority is and its root certificate, for a browser, the bundle, for partners, and the
 * pages at which people sign in.
 */
export async function answerPeople(
  exchange: Exchange,
  authority: AuthorityDescription,
  parts: PeopleParts,
): Promise<void> {
  try {
    const { tokens, consent } = parts;
    if (consent && interactionPath.test(exchange.path)) return await answerInteraction(exchange, consent);
    if (tokens?.servesBrowser(exchange.path)) return await tokens.answerBrowser(exchange);
    if (await answerPeoplePages(exchange, parts.people)) return;
    if (await answerUpstream(exchange, parts.atProviders)) return;
    if (exchange.method !== 'GET') throw new Fault('method_not_allowed', `${exchange.path} has GET only.`);
    switch (exchange.path) {
      case '/':
        return await answerPage(exchange, page(authority));
      case '/ca.pem':
        return await answerRoots(exchange, authority);
      case '/bundle':
        return await answerBundle(exchange, await parts.bundle());
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

function page(authority: AuthorityDescription): Page {
  const { trustDomain, rootFingerprint } = authority;
  const ends = new Date(authority.rootNotAfter).toISOString().slice(0, 10);
  const body = html`<h1>Countersign</h1>
<p>This is the certificate authority of the trust domain <code>${trustDomain}</code>.</p>
<dl>
<dt>Root certificate</dt>
<dd><a href="/ca.pem">ca.pem</a>, valid until ${ends}</dd>
<dt>Its SHA-256 fingerprint</dt>
<dd><code>${rootFingerprint}</code></dd>
</dl>
<p><a href="/me">Sign in</a> to see what is yours. Agents, servers and policies are administered with the <code>countersign</code> command
and an admin certificate.</p>`;
  return { title: trustDomain, body };
}
