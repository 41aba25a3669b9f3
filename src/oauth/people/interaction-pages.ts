import type { Exchange } from '../../http/exchange.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { AuthorizationServer } from '../server/authorization-server.ts';
import type { InteractionDetails } from '../server/interactions.ts';
import type { SignedIn } from './browser-sessions.ts';
import { consentPage, type ServerWords } from './consent-page.ts';
import { consentKey, mayRemember, remember } from './consents.ts';
import { answerFaultPage, answerPage } from './page.ts';
import { type PeopleDoor, signedIn } from './people-door.ts';
import { requireOwnPage } from './relying-party.ts';
import { signInPage } from './sign-in-page.ts';

/** What the page about a request of a client works on. */
export interface ConsentDoor {
  readonly people: PeopleDoor;
  readonly requests: Pick<AuthorizationServer, 'details' | 'finish'>;
  /** The servers of resources (RFC 8707). */
  serversOf(resources: readonly string[]): Promise<readonly ServerWords[]>;
}

/** Phishing-resistant (OpenID Connect Extended Authentication Profile ACR Values 1.0 §3): a passkey, opened by its person. */
const acr = 'phr';
/** RFC 8176: proof of possession, and a presence of the person that was tested. */
const amr = ['pop', 'user'];

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

/** Asks who somebody is, then whether they agree, unless they did to the very same. */
async function ask(exchange: Exchange, door: ConsentDoor): Promise<void> {
  const asked = await door.requests.details(exchange);
  const here = await freshEnough(exchange, asked, door);
  if (!here) return await signInPage(exchange, exchange.path);
  const { person } = here;
  const key = consentKey(person.person, asked);
  const known =
    mayRemember(asked) && (await door.people.consents.has(person.person, key, door.people.clock.now()));
  if (known) return await grant(exchange, here, door);
  const servers = await door.serversOf(asked.resources);
  await answerPage(exchange, consentPage({ asked, person, servers, key }));
}

/** Takes the answer of the page. What is allowed is what was shown to this person, and nothing that the request has become since. */
async function decide(exchange: Exchange, door: ConsentDoor): Promise<void> {
  const asked = await door.requests.details(exchange);
  const here = await freshEnough(exchange, asked, door);
  if (!here) throw new Fault('login_refused', 'You were signed out meanwhile. Load the page again.');
  const form = new URLSearchParams(Buffer.from(await exchange.body(formLimit)).toString());
  const { person } = here.person;
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
  await grant(exchange, here, door);
}

async function grant(
  exchange: Exchange,
  { person: { person }, session: { authenticatedAt } }: SignedIn,
  { requests }: ConsentDoor,
): Promise<void> {
  await requests.finish(exchange, { granted: true, person, authenticatedAt, acr, amr });
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
