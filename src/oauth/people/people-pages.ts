import type { Exchange } from '../../http/exchange.ts';
import { html } from '../../http/html.ts';
import { answerProblem } from '../../http/problem.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { ownPage, signedOutPage, signOut, withdrawConsent } from './account-pages.ts';
import { beginEnrolment, finishEnrolment, whoseInvitation } from './enrol-passkey.ts';
import { answerAsset, answerData, answerFaultPage, answerPage } from './page.ts';
import { browserOf, type PeopleDoor } from './people-door.ts';
import { peopleScript } from './people-script.ts';
import { peopleStyle } from './people-style.ts';
import { requireOwnPage } from './relying-party.ts';
import { beginSignIn, finishSignIn } from './sign-in.ts';
import { browserCookie, signInPage } from './sign-in-page.ts';

/** A page of the listener for people, or what a script or a form of one asks for. */
interface PeopleRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** `page`: errors are pages. `data`: a script asks, and errors are problem documents. */
  readonly gives: 'page' | 'data';
  answer(exchange: Exchange, door: PeopleDoor): Promise<void>;
}

const bodyLimit = { bytes: 64 * 1024, milliseconds: 10_000 };

const routes: readonly PeopleRoute[] = [
  { method: 'GET', path: '/enrol', gives: 'page', answer: (exchange) => enrolPage(exchange) },
  {
    method: 'POST',
    path: '/enrol/whose',
    gives: 'data',
    async answer(exchange, door) {
      const { secret } = await enrolOrder(exchange);
      await answerData(exchange, { person: await whoseInvitation(secret, exchange, door) });
    },
  },
  {
    method: 'POST',
    path: '/enrol/begin',
    gives: 'data',
    async answer(exchange, door) {
      await answerData(exchange, await beginEnrolment(await enrolOrder(exchange), exchange, door));
    },
  },
  {
    method: 'POST',
    path: '/enrol/finish',
    gives: 'data',
    async answer(exchange, door) {
      const { answer, ...order } = await enrolOrder(exchange);
      const cookie = await finishEnrolment(order, answer, exchange, door);
      await answerData(exchange, { next: '/me' }, cookie);
    },
  },
  {
    method: 'GET',
    path: '/sign-in',
    gives: 'page',
    answer: async (exchange, door) => await signInPage(exchange, '/me', { places: await door.places() }),
  },
  {
    method: 'POST',
    path: '/sign-in/begin',
    gives: 'data',
    async answer(exchange, door) {
      await answerData(exchange, beginSignIn(exchange, ownBrowser(exchange), door));
    },
  },
  {
    method: 'POST',
    path: '/sign-in/finish',
    gives: 'data',
    async answer(exchange, door) {
      const input = await readInput(exchange);
      const cookie = await finishSignIn(input['answer'], ownBrowser(exchange), exchange, door);
      await answerData(exchange, { next: ownPath(input['onward']) }, cookie);
    },
  },
  { method: 'GET', path: '/me', gives: 'page', answer: (exchange, door) => ownPage(exchange, door) },
  {
    method: 'POST',
    path: '/consents/withdraw',
    gives: 'page',
    answer: (exchange, door) => withdrawConsent(exchange, door),
  },
  { method: 'POST', path: '/sign-out', gives: 'page', answer: (exchange, door) => signOut(exchange, door) },
  { method: 'GET', path: '/signed-out', gives: 'page', answer: (exchange) => signedOutPage(exchange) },
  {
    method: 'GET',
    path: '/people.js',
    gives: 'page',
    answer: (exchange) => answerAsset(exchange, 'text/javascript', peopleScript),
  },
  {
    method: 'GET',
    path: '/people.css',
    gives: 'page',
    answer: (exchange) => answerAsset(exchange, 'text/css', peopleStyle),
  },
];

/** Answers what is a page of people; false when it is none. */
export async function answerPeoplePages(exchange: Exchange, door: PeopleDoor): Promise<boolean> {
  const here = routes.filter(({ path }) => path === exchange.path);
  if (here.length === 0) return false;
  const route = here.find(({ method }) => method === exchange.method);
  try {
    if (!route) throw new Fault('method_not_allowed', `${exchange.path} is not asked for in this way.`);
    if (route.method === 'POST') requireOwnPage(exchange);
    await route.answer(exchange, door);
  } catch (error) {
    const fault = toFault(error);
    if (route?.gives === 'data') await answerProblem(exchange, fault);
    else await answerFaultPage(exchange, fault);
    if (fault.code === 'internal') throw fault;
  }
  return true;
}

async function enrolPage(exchange: Exchange): Promise<void> {
  const body = html`<h1>Enrol a passkey</h1>
<p>A passkey is how you sign in here, in place of a password. It stays in this device, in your phone, or in a security key; we keep
only its public half.</p>
<p>It will be of: <strong data-whose></strong></p>
<form data-act="enrol">
<div data-only-first hidden>
<label for="name">Your name here: an e-mail address, or a user name in lower case</label>
<p><input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="200"></p>
</div>
<p><button class="main" type="submit" disabled>Make a passkey</button></p>
<p role="status" aria-live="polite"></p>
</form>
<noscript><p role="alert">Passkeys need JavaScript, which this browser does not run.</p></noscript>`;
  await answerPage(exchange, { title: 'Enrol a passkey', body, cookie: browserCookie(exchange) });
}

async function enrolOrder(exchange: Exchange) {
  const { secret, name = null, answer } = await readInput(exchange);
  if (typeof secret !== 'string' || (name !== null && typeof name !== 'string')) {
    throw new Fault('invalid_input', 'The body needs secret, a string, and may have name, a string.');
  }
  return { secret, name, answer, browser: ownBrowser(exchange) };
}

async function readInput(exchange: Exchange): Promise<JsonObject> {
  // A form of another page cannot send this type without asking first (Fetch §4.8).
  if (!/^application\/json\b/i.test(exchange.headers.get('content-type') ?? '')) {
    throw new Fault('media_type', 'Send the body as application/json.');
  }
  const value = parseJson(await exchange.body(bodyLimit), { depth: 16, values: 1_000 });
  if (!isJsonObject(value)) throw new Fault('invalid_input', 'The body must be a JSON object.');
  return value;
}

function ownBrowser(exchange: Exchange): string {
  const browser = browserOf(exchange);
  if (browser !== null) return browser;
  throw new Fault(
    'invalid_input',
    'This browser keeps no cookies of this page. Allow them and load it again.',
  );
}

/** A place of ours to go to next: never one that somebody put into a link (RFC 9700 §4.11). */
export function ownPath(value: unknown): string {
  return typeof value === 'string' && /^\/[a-z][A-Za-z0-9/_-]{0,200}$/.test(value) ? value : '/me';
}
