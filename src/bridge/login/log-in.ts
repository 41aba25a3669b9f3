import { createPrivateKey, createPublicKey } from 'node:crypto';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { newKey, order } from '../authority-client.ts';
import { firstRoots } from '../first-roots.ts';
import { createKeyStore } from '../key-store.ts';
import { statePlace } from '../state-place.ts';
import { untilApproved } from '../until-approved.ts';
import { logInWithCode } from './code-flow.ts';
import { type DeviceFlow, logInOnDevice } from './device-flow.ts';
import { loginOffer } from './login-offers.ts';
import { openProvider } from './provider.ts';

/** What a login needs. */
export interface LoginOptions {
  readonly authority: string;
  /** The agent, or null for the one that the authority names. */
  readonly agent: string | null;
  readonly provider: string | null;
  /** Whether the person has to authenticate although the provider knows them. */
  readonly again: boolean;
  readonly way: 'browser' | 'device';
  /** Of the callback; any free one unless it is given. */
  readonly port: number | null;
  readonly authorityFile: string | null;
  readonly rootFingerprint: string | null;
  readonly stateFolder: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly pause: DeviceFlow['pause'];
  readonly say: (line: string) => void;
  readonly showPage: (url: string) => void;
  readonly showCode: DeviceFlow['show'];
}

/** The identity that a login gave. */
export interface LoggedIn {
  readonly agent: string;
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
  /** Where a bridge finds it. */
  readonly folder: string;
}

/**
 * A person logs in at the provider that the authority names, and an agent of theirs gets a certificate for a new key. The nonce of
 * the login is the hash of that key, so that whoever gets hold of the token has no use for it. Throws Fault `login_refused`,
 * `enrolment_needed` without anything to trust the authority by, or what the authority says.
 */
export async function logIn(options: LoginOptions): Promise<LoggedIn> {
  const { authority, agent, provider: wanted, clock } = options;
  const roots = await knownRoots(options);
  const offer = await loginOffer({ authority, roots, provider: wanted, clock });
  const place = agent ?? options.stateFolder;
  const waiting = place === null ? null : createKeyStore(placeOf(options), clock);
  // A request that waits for an administrator is for one key, also at the next login.
  const key = (await waiting?.prepared()) ?? newKey();
  const nonce = keyHashOf(key);
  await using provider = await openProvider(offer, options.again);
  const token =
    options.way === 'device'
      ? await logInOnDevice(provider, nonce, { ...options, show: options.showCode })
      : await logInWithCode(provider, nonce, { ...options, show: options.showPage });
  const path = '/v1/enrol/person';
  const { signal } = options;
  const asked = { authority, path, token, name: agent, key, roots, present: null, clock, signal } as const;
  const delivered = await untilApproved(
    () => order(asked),
    (line) => {
      options.say(line);
      waiting?.prepare(key).catch(() => undefined);
    },
  );
  const { leaf, certificate } = delivered;
  const name = leaf.commonName ?? '';
  const folder = placeOf({ ...options, agent: name });
  const store = createKeyStore(folder, clock);
  await using _lock = await store.lock();
  const held = await store.load();
  if (held && held.leaf.commonName !== name) {
    throw new Fault(
      'conflict',
      `${folder} holds the certificate of ${held.leaf.commonName}, not of ${name}. Choose another --state.`,
    );
  }
  await store.prepare(key);
  await store.commit(certificate, options.authorityFile === null ? delivered.roots : roots);
  return { agent: name, serial: leaf.serial, notAfter: leaf.notAfter, folder };
}

/** base64url(SHA-256) of the SubjectPublicKeyInfo of a private key in PEM. */
function keyHashOf(key: string): string {
  return sha256Base64url(createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' }));
}

/** What was trusted at the last login of this agent, when nothing else is said. */
async function knownRoots(options: LoginOptions): Promise<string> {
  const { agent, authority, authorityFile, rootFingerprint, clock } = options;
  if (authorityFile === null && rootFingerprint === null && (agent ?? options.stateFolder) !== null) {
    const held = await createKeyStore(placeOf(options), clock).load();
    if (held?.roots) return held.roots;
  }
  return await firstRoots({ authority, authorityFile, rootFingerprint });
}

function placeOf(options: Pick<LoginOptions, 'authority' | 'agent' | 'stateFolder' | 'environment'>): string {
  return statePlace({ ...options, gateway: options.authority });
}
