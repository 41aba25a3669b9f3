import type { Exchange } from '../../http/exchange.ts';
import { type Html, html } from '../../http/html.ts';
import { Fault } from '../../kernel/fault.ts';
import { endedCookie, sessionHash } from './browser-sessions.ts';
import { answerPage, sendOn } from './page.ts';
import { type PeopleDoor, signedIn } from './people-door.ts';

const formLimit = { bytes: 4 * 1024, milliseconds: 10_000 };

/** What is known of whoever is signed in, and what they can do about it. */
export async function ownPage(exchange: Exchange, door: PeopleDoor): Promise<void> {
  const here = await signedIn(exchange, door);
  if (!here) return await sendOn(exchange, '/sign-in');
  const { person, displayName } = here.person;
  const keys = (await door.passkeys.list(person)).map(
    ({ host, createdAt, lastUsedAt, mayBeCopied }) =>
      html`<li>for ${host}, enrolled ${day(createdAt)}, last used ${lastUsedAt === null ? 'never' : day(lastUsedAt)}${
        mayBeCopied ? '' : '; on one device only'
      }</li>`,
  );
  const allowed = await door.consents.list(person, door.clock.now());
  const clients = [
    ...new Set([...allowed.map(({ client }) => client), ...(await door.tokens.clients(person))]),
  ];
  const body = html`<h1>${displayName ?? person}</h1>
<p>You are signed in as <strong>${person}</strong> until ${time(here.session.expiresAt)}.</p>
<h2>Your passkeys</h2>
<ul>${keys}</ul>
<h2>Who acts for you</h2>
${clients.length === 0 ? html`<p>Nobody.</p>` : html`<ul>${clients.map(clientRow)}</ul>`}
<form method="post" action="/sign-out"><p><button type="submit">Sign out</button></p></form>`;
  await answerPage(exchange, { title: displayName ?? person, body });
}

export async function signOut(exchange: Exchange, door: PeopleDoor): Promise<void> {
  const here = await signedIn(exchange, door);
  const hash = sessionHash(exchange.headers);
  if (hash !== null && (await door.sessions.end(hash)) && here) {
    await door.audit.append({ type: 'person.signed-out', person: here.person.person });
  }
  await sendOn(exchange, '/signed-out', endedCookie);
}

export async function signedOutPage(exchange: Exchange): Promise<void> {
  const body = html`<h1>You are signed out</h1>
<p><a href="/sign-in">Sign in again</a></p>`;
  await answerPage(exchange, { title: 'Signed out', body });
}

/** Takes back what a client may do: it is asked for anew, and what it holds ends at once. */
export async function withdrawConsent(exchange: Exchange, door: PeopleDoor): Promise<void> {
  const here = await signedIn(exchange, door);
  if (!here) throw new Fault('login_refused', 'You were signed out meanwhile. Sign in again.');
  const form = new URLSearchParams(Buffer.from(await exchange.body(formLimit)).toString());
  const client = form.get('client') ?? '';
  const { person } = here.person;
  await door.consents.withdraw(person, client);
  await door.tokens.endClient(person, client);
  await door.audit.append({ type: 'consent.withdrawn', person, client: client.slice(0, 500) });
  await sendOn(exchange, '/me');
}

function clientRow(client: string): Html {
  return html`<li><code>${client}</code>
<form method="post" action="/consents/withdraw"><input type="hidden" name="client" value="${client}">
<button type="submit">Take back</button></form></li>`;
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
const time = (at: number): string => `${new Date(at).toISOString().slice(11, 16)} UTC`;
