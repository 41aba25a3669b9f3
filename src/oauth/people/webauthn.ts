import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { fromBase64url } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { Passkey } from './passkeys.ts';
import type { RelyingParty } from './relying-party.ts';

/** COSE algorithms in the order of our liking: ES256, EdDSA, RS256 (which is all that some TPMs have). */
const algorithms = [-7, -8, -257] as const;
const timeout = 240_000;

/** What `navigator.credentials.create` is asked (WebAuthn Level 3 §5.4), as JSON. */
export function creationOptions(
  party: RelyingParty,
  user: { readonly handle: string; readonly name: string; readonly displayName: string },
  { challenge, existing }: { readonly challenge: string; readonly existing: readonly Passkey[] },
): JsonObject {
  return {
    rp: { id: party.host, name: 'Countersign' },
    user: { id: user.handle, name: user.name, displayName: user.displayName },
    challenge,
    pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })),
    timeout,
    // Whose make an authenticator is decides nothing here, so nobody is asked to say it (§5.4.7).
    attestation: 'none',
    excludeCredentials: existing
      .filter(({ host }) => host === party.host)
      .map(({ id, transports }) => ({ type: 'public-key', id, transports: [...transports] })),
    // Found without a name, and opened by the person and not by whoever holds it.
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
  };
}

/** What `navigator.credentials.get` is asked (§5.5), as JSON: any passkey for this host. */
export function requestOptions(party: RelyingParty, challenge: string): JsonObject {
  return { rpId: party.host, challenge, timeout, userVerification: 'required', allowCredentials: [] };
}

/** What a browser answers, before any of it is believed. */
export interface BrowserAnswer {
  readonly id: string;
  readonly challenge: string;
  readonly json: JsonObject;
}

/** Reads the answer of a browser. Throws Fault `login_refused`. */
export function readAnswer(value: Json | undefined): BrowserAnswer {
  if (value === undefined || !isJsonObject(value))
    throw notAccepted('there is no answer of an authenticator');
  const { id, rawId, type, response } = value;
  if (typeof id !== 'string' || id !== rawId || type !== 'public-key' || id.length > 1_400) {
    throw notAccepted('the answer names no passkey');
  }
  const client = isJsonObject(response ?? null) ? (response as JsonObject)['clientDataJSON'] : null;
  const bytes = typeof client === 'string' ? fromBase64url(client) : null;
  const data = bytes && readClientData(bytes);
  if (!data || typeof data['challenge'] !== 'string') throw notAccepted('the answer cannot be read');
  // §5.8.1: our pages are in no frame of anybody, so nobody else can have asked.
  if ((data['crossOrigin'] ?? false) !== false || data['topOrigin'] !== undefined) {
    throw notAccepted('it was asked for from inside of another page');
  }
  return { id, challenge: data['challenge'], json: value };
}

function readClientData(bytes: Uint8Array): JsonObject | null {
  try {
    const data = parseJson(bytes, { depth: 4, values: 64 });
    return isJsonObject(data) ? data : null;
  } catch {
    return null;
  }
}

/** What an authenticator made (§7.1). Throws Fault `login_refused`. */
export async function verifyCreation(
  answer: BrowserAnswer,
  party: RelyingParty,
): Promise<Omit<Passkey, 'person' | 'createdAt' | 'lastUsedAt'>> {
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
  const done = await verifyRegistrationResponse({
    response: answer.json as unknown as RegistrationResponseJSON,
    expectedChallenge: answer.challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.host,
    requireUserVerification: true,
    supportedAlgorithmIDs: [...algorithms],
  }).catch((error: unknown) => {
    throw notAccepted(errorText(error), error);
  });
  if (!done.verified) throw notAccepted('its attestation does not verify');
  const { credential, credentialDeviceType, credentialBackedUp } = done.registrationInfo;
  if (credential.id !== answer.id) throw notAccepted('the answer names another passkey than it holds');
  return {
    id: credential.id,
    host: party.host,
    publicKey: credential.publicKey,
    counter: credential.counter,
    transports: credential.transports ?? [],
    mayBeCopied: credentialDeviceType === 'multiDevice',
    isCopied: credentialBackedUp,
  };
}

/** That the holder of a passkey signed the challenge (§7.2). Throws Fault `login_refused`. */
export async function verifyAssertion(
  answer: BrowserAnswer,
  passkey: Passkey,
  party: RelyingParty,
): Promise<{ readonly counter: number; readonly isCopied: boolean }> {
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
  const done = await verifyAuthenticationResponse({
    response: answer.json as unknown as AuthenticationResponseJSON,
    expectedChallenge: answer.challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.host,
    requireUserVerification: true,
    credential: {
      id: passkey.id,
      publicKey: new Uint8Array(passkey.publicKey),
      counter: passkey.counter,
    },
  }).catch((error: unknown) => {
    throw notAccepted(errorText(error), error);
  });
  const { newCounter, credentialDeviceType, credentialBackedUp } = done.authenticationInfo;
  if (!done.verified) throw notAccepted('its signature does not verify');
  // §6.1.3: whether it may be copied is fixed when it is made.
  if ((credentialDeviceType === 'multiDevice') !== passkey.mayBeCopied) {
    throw notAccepted('the passkey says of itself what it did not say when it was enrolled');
  }
  return { counter: newCounter, isCopied: credentialBackedUp };
}

/** Why, for the log; who asked is told less. */
export function notAccepted(why: string, cause?: unknown): Fault {
  return new Fault('login_refused', `The passkey is not accepted: ${why.replace(/\.$/, '')}.`, { cause });
}
