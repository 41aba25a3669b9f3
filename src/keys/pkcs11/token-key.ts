import { equalBytes, sha256 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { createAttempts } from '../../secrets/attempts.ts';
import { type HeldKey, type HolderContext, readHeldPublicKey } from '../held-key.ts';
import { cryptokiFault, isPinRefused } from './cryptoki-fault.ts';
import { startModule } from './module-process.ts';
import { type Pkcs11Reference, writePkcs11Reference } from './reference.ts';
import { findKey, generateKey, logIn, signDigest, type TokenKey, type TokenSession } from './token.ts';

/** The token with the key found on it. */
interface Opened extends TokenSession {
  readonly key: TokenKey;
}

/**
 * A P-256 key on a PKCS #11 token. The library of the token runs in a process of its own, p11-kit, which is started
 * again when it, or the device, has gone. Throws Fault `not_found`, `key_refused`, `unavailable`, `secret_unresolved`.
 */
export async function openTokenKey(reference: Pkcs11Reference, context: HolderContext): Promise<HeldKey> {
  const connector = createConnector(reference, context);
  const attempts = createAttempts(context.limits, `The token ${reference.token}`);
  try {
    const first = await attempts.run((signal) => connector.opened(signal));
    const { spki, id, notes } = first.key;
    const where = `The key ${reference.object ?? 'of that id'} on token ${reference.token}`;
    const publicKey = readHeldPublicKey(spki, where);
    return {
      publicKey,
      algorithm: 'ecdsa-with-SHA256',
      reference: writePkcs11Reference({ ...reference, id: id.length > 0 ? id : reference.id }),
      notes,
      sign(tbs) {
        const digest = sha256(tbs);
        return attempts.run(async (signal) => {
          const opened = await connector.opened(signal);
          if (!equalBytes(opened.key.spki, spki)) {
            throw new Fault('key_refused', `${where} is not the same as at the start.`);
          }
          return await connector.guard(opened, signal, () => signDigest(opened, opened.key.handle, digest));
        });
      },
      async [Symbol.asyncDispose]() {
        connector.end();
      },
    };
  } catch (error) {
    connector.end();
    throw error;
  }
}

interface Connector {
  /** The token, opened anew when need be. */
  opened(signal: AbortSignal): Promise<Opened>;
  /** Does something on the token; whatever goes wrong, the next one begins with a new process. */
  guard<T>(opened: TokenSession, signal: AbortSignal, act: () => Promise<T>): Promise<T>;
  end(): void;
}

function createConnector(reference: Pkcs11Reference, context: HolderContext): Connector {
  let current: Promise<Opened> | null = null;
  let started: { end(): void } | null = null;
  // SHA-256 of a PIN that the token refused.
  let refusedPin: Uint8Array | null = null;

  const guard = async <T>(
    token: Pick<TokenSession, 'module'>,
    signal: AbortSignal,
    act: () => Promise<T>,
  ): Promise<T> => {
    const hung = (): void => token.module.end();
    signal.addEventListener('abort', hung, { once: true });
    try {
      return await act();
    } catch (error) {
      // Also of a session that has ended: nothing is known of its state any more.
      token.module.end();
      throw cryptokiFault(error, reference);
    } finally {
      signal.removeEventListener('abort', hung);
    }
  };

  const open = async (signal: AbortSignal): Promise<Opened> => {
    const pin = await context.secrets.resolve(reference.pinSource);
    if (refusedPin && equalBytes(refusedPin, sha256(pin))) {
      throw new Fault(
        'key_refused',
        `The token ${reference.token} has refused this PIN. It is not tried again.`,
      );
    }
    const module = await startModule(
      reference.modulePath,
      childEnvironment(reference, context),
      signal,
    ).catch((error: unknown) => {
      throw cryptokiFault(error, reference);
    });
    started = module;
    return await guard({ module }, signal, async () => {
      const token = await logIn(module, reference, pin).catch((error: unknown) => {
        if (isPinRefused(error)) refusedPin = sha256(pin);
        throw error;
      });
      refusedPin = null;
      return { ...token, key: await findOrGenerate(token, reference, context.create) };
    });
  };

  return {
    async opened(signal) {
      const used = current;
      const known = await used?.catch(() => null);
      if (known && !known.module.gone) return known;
      // Unless somebody else has begun anew meanwhile.
      if (current === used) current = open(signal);
      return await (current ?? open(signal));
    },
    guard,
    end: () => started?.end(),
  };
}

async function findOrGenerate(
  token: TokenSession,
  reference: Pkcs11Reference,
  create: boolean,
): Promise<TokenKey> {
  const found = await findKey(token, reference);
  if (found) return found;
  if (create && reference.object !== null) {
    await generateKey(token, reference);
    const made = await findKey(token, reference);
    if (made) return made;
  }
  throw new Fault(
    'not_found',
    `There is no private key ${reference.object ?? 'of that id'} on token ${reference.token}.`,
  );
}

/** What libraries are configured by reaches them; our own secrets and the PIN do not. */
function childEnvironment(
  { pinSource }: Pkcs11Reference,
  { environment }: HolderContext,
): Readonly<Record<string, string | undefined>> {
  const ours = /^(COUNTERSIGN|VAULT|BAO|AWS)_/;
  const kept = Object.entries(environment).filter(
    ([name]) => !ours.test(name) && pinSource !== `env:${name}`,
  );
  return Object.fromEntries(kept);
}
