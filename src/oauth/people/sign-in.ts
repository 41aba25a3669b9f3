import type { Exchange } from '../../http/exchange.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { beginSession, provenByPasskey } from './browser-sessions.ts';
import { requireChallenge } from './challenge-answered.ts';
import type { Passkey } from './passkeys.ts';
import type { PeopleDoor } from './people-door.ts';
import { type RelyingParty, relyingParty } from './relying-party.ts';
import { type BrowserAnswer, notAccepted, readAnswer, requestOptions, verifyAssertion } from './webauthn.ts';

/** What the browser is to ask its authenticators. */
export function beginSignIn(exchange: Exchange, browser: string, { challenges }: PeopleDoor): JsonObject {
  return requestOptions(relyingParty(exchange), challenges.make({ act: 'sign-in', browser }));
}

/**
 * Signs in whoever holds a passkey; the Set-Cookie of the session. Every refusal is in the same words, and the log says why. Throws Fault
 * `login_refused`.
 */
export async function finishSignIn(
  answered: Json | undefined,
  browser: string,
  exchange: Exchange,
  door: PeopleDoor,
): Promise<string> {
  const { passkeys, clock, audit, strangers } = door;
  const { address } = exchange.connection;
  const seen: { person: string | null; passkey: string | null } = { person: null, passkey: null };
  try {
    if ((await door.places()).length > 0) throw notAccepted('people sign in at a provider here');
    const answer = readAnswer(answered);
    const challenge = requireChallenge(answer.challenge, { act: 'sign-in', browser }, door);
    const { passkey, counter, isCopied } = await proven(answer, relyingParty(exchange), door);
    seen.person = passkey.person;
    seen.passkey = passkey.id;
    await requireActive(passkey, door);
    await challenge.useUp();
    if (!(await passkeys.used(passkey.id, { counter, isCopied, at: clock.now() }))) {
      // §6.1.1: somebody has a copy of a passkey that cannot be copied.
      throw notAccepted('its counter did not grow, so there may be two of it');
    }
    await audit.append({ type: 'person.signed-in', ...seen, address });
    return await beginSession(provenByPasskey(passkey.person, clock.now()), door);
  } catch (error) {
    const { code, message } = toFault(error);
    await strangers.record({ type: 'person.sign-in-refused', ...seen, code, reason: message, address });
    if (code !== 'login_refused') throw error;
    throw new Fault('login_refused', 'You were not signed in. Try again, or ask an administrator.', {
      cause: error,
    });
  }
}

async function proven(
  answer: BrowserAnswer,
  party: RelyingParty,
  { passkeys, challenges }: PeopleDoor,
): Promise<{ readonly passkey: Passkey; readonly counter: number; readonly isCopied: boolean }> {
  const passkey = await passkeys.find(answer.id);
  if (!passkey) throw notAccepted('nobody here has it');
  if (passkey.host !== party.host) throw notAccepted(`it is for ${passkey.host}`);
  // §7.2 step 6: whoever the authenticator says it is for has to be whose it is.
  const { response } = answer.json;
  const handle = (response as JsonObject)['userHandle'];
  if (handle !== challenges.handleOf(passkey.person)) throw notAccepted('it names another person');
  return { passkey, ...(await verifyAssertion(answer, passkey, party)) };
}

async function requireActive({ person }: Passkey, { registry }: PeopleDoor): Promise<void> {
  const found = await registry.find(person);
  if (found?.state === 'active' && found.addedAt !== null) return;
  throw notAccepted('its person is disabled');
}
