import type { Exchange } from '../../http/exchange.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { AuthorizationServer } from '../server/authorization-server.ts';
import type { InteractionDetails } from '../server/interactions.ts';
import type { SignedIn } from './browser-sessions.ts';
import { consentPage } from './consent-page.ts';
import type { ServerWords } from './scope-words.ts';
import { consentKey, mayRemember, remember } from './consents.ts';
import { answerFaultPage, answerPage } from './page.ts';
import { type PeopleDoor, signedIn } from './people-door.ts';
import { requireOwnPage } from './relying-party.ts';
import { signInPage } from './sign-in-page.ts';

/** What the page about a request of a client works on. */
export interface ConsentDoor {
  readonly people: PeopleDoor;
  readonly requests: Pick<AuthorizationServer, 'details' | 'finish'>;
  /** The scopes that a person may give clients; null for all that there are. */
  scopesOf(person: string): Promise<ReadonlySet<string> | null>;
  /** The servers of resources (RFC 8707), and what scopes are good for there. */
  serversOf(resources: readonly string[], scopes: readonly string[]): Promise<readonly ServerWords[]>;
}

const formLimit = { bytes: 4 * 1024, milliseconds: 10_000 };

/** Answers `/interaction/<uid>`: a request of a client that waits for a person. */
export async function answerInteraction(exchange: Exchange, door: ConsentDoor): Promise<void> {
  try {
    if (exchange.method === 'GET') return await ask(exchange, door);
    if (exchange.method !== 'POST') throw new Fault('method_not_allowed', 'A page is asked for with GET.');
    requireOwnPage(exchange);
    await decide(exchange, door);
  } catch (error) {
    const fault = toFault(error);
    await answerFaultPage(exchange, fault);
    if (fault.code === 'internal') throw fault;
  }
}

/** What of a request a person may agree to: who they are they may always tell. */
async function within(
  asked: InteractionDetails,
  person: string,
  { scopesOf }: ConsentDoor,
): Promise<InteractionDetails> {
  const may = await scopesOf(person);
  if (may === null) return asked;
  const own = ['openid', 'offline_access'];
  return { ...asked, scopes: asked.scopes.filter((scope) => may.has(scope) || own.includes(scope)) };
}

/** Asks who somebody is, then whether they agree, unless they did to the very same. */
async function ask(exchange: Exchange, door: ConsentDoor): Promise<void> {
  const whole = await door.requests.details(exchange);
  const here = await freshEnough(exchange, whole, door);
  if (!here) {
    const places = await door.people.places();
    return await signInPage(exchange, exchange.path, { places, again: whole.signedInSince !== null });
  }
  const { person } = here;
  const asked = await within(whole, person.person, door);
  if (whole.scopes.length > 0 && asked.scopes.length === 0) return await nothingToGive(exchange, whole, door);
  const key = consentKey(person.person, asked);
  const known =
    mayRemember(asked) && (await door.people.consents.has(person.person, key, door.people.clock.now()));
  if (known) return await grant(exchange, here, { asked, door });
  const servers = await door.serversOf(asked.resources, asked.scopes);
  await answerPage(exchange, consentPage({ asked, person, servers, key }));
}

/** Takes the answer of the page. What is allowed is what was shown to this person, and nothing that the request has become since. */
async function decide(exchange: Exchange, door: ConsentDoor): Promise<void> {
  const whole = await door.requests.details(exchange);
  const here = await freshEnough(exchange, whole, door);
  if (!here) throw new Fault('login_refused', 'You were signed out meanwhile. Load the page again.');
  const form = new URLSearchParams(Buffer.from(await exchange.body(formLimit)).toString());
  const { person } = here.person;
  const asked = await within(whole, person, door);
  const { audit } = door.people;
  const told = {
    person,
    client: asked.client.id,
    redirect: asked.redirectUri,
    scopes: asked.scopes,
    resources: asked.resources,
    agent: asked.agent,
    address: exchange.connection.address,
  };
  if (form.get('decision') !== 'allow') {
    await audit.append({ type: 'consent.refused', ...told });
    return await door.requests.finish(exchange, { granted: false });
  }
  if (form.get('key') !== consentKey(person, asked)) {
    throw new Fault('conflict', 'Who asks, or what for, has changed meanwhile. Load the page again.');
  }
  await audit.append({ type: 'consent.given', ...told });
  if (mayRemember(asked)) await remember(person, asked, door.people);
  await grant(exchange, here, { asked, door });
}

/** Somebody whose groups give nothing of what is asked for. The client is told, like of any other no. */
async function nothingToGive(
  exchange: Exchange,
  { client, scopes, redirectUri: redirect }: InteractionDetails,
  { people, requests }: ConsentDoor,
): Promise<void> {
  const why = 'no group gives any of the scopes';
  await people.audit.append({ type: 'consent.refused', client: client.id, redirect, scopes, why });
  await requests.finish(exchange, { granted: false });
}

async function grant(
  exchange: Exchange,
  { person: { person }, session }: SignedIn,
  { asked, door }: { readonly asked: InteractionDetails; readonly door: ConsentDoor },
): Promise<void> {
  const { authenticatedAt, acr, amr } = session;
  const how = { ...(acr !== null && { acr }), ...(amr.length > 0 && { amr }) };
  const { scopes } = asked;
  await door.requests.finish(exchange, { granted: true, person, authenticatedAt, scopes, ...how });
}

/** Who is signed in, if they proved it recently enough for this request. */
async function freshEnough(
  exchange: Exchange,
  { signedInSince }: InteractionDetails,
  { people }: ConsentDoor,
): Promise<SignedIn | null> {
  const here = await signedIn(exchange, people);
  if (!here || (signedInSince !== null && here.session.authenticatedAt < signedInSince)) return null;
  return here;
}
