import type { KeyObject } from 'node:crypto';
import type { SigningKey } from '../../ca/issuer.ts';
import { openKey } from '../../ca/key-file.ts';
import { signingKey } from '../../ca/signing-key.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readPrivateFile } from '../../kernel/durable-file.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type HolderContext, proveKey } from '../../keys/held-key.ts';
import { readKeyReference } from '../../keys/key-reference.ts';
import { defaultHolderLimits, type HolderLimits } from '../../secrets/holder-limits.ts';
import { openHeldKey } from '../../keys/open-key.ts';
import { createRedactor, type Redactor } from '../../secrets/redact.ts';
import { createSecretResolver } from '../../secrets/resolve.ts';
import type { Certificate } from '../../x509/certificate.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const format = 'countersign-key-reference-v1';

/** What is kept of a key that lives elsewhere: where, and how to reach it. No secret, and fit to be edited by hand. */
export function keyReferenceFile(reference: string): string {
  return `${JSON.stringify({ format, key: reference }, null, 2)}\n`;
}

/** The reference in what lies where a key is kept, or null when that is a sealed key or nothing that can be read. */
export function referenceIn(octets: Uint8Array): string | null {
  try {
    const value = parseJson(octets, { depth: 2, values: 32 });
    return isJsonObject(value) && value['format'] === format && typeof value['key'] === 'string'
      ? value['key']
      : null;
  } catch {
    return null;
  }
}

/** The world around holders of keys. */
export interface HolderWorld {
  /** Where credentials and addresses may stand. */
  readonly environment: Environment;
  readonly clock: Clock;
  /** How long a holder is waited for; 10 s at most unless given. */
  readonly holderLimits?: HolderLimits;
  /** Learns tokens and PINs; one of its own unless given. */
  readonly redactor?: Redactor;
}

/** What holders of keys are given; `create` makes keys that are missing. */
export function holderContext(world: HolderWorld, create: boolean): HolderContext {
  const {
    environment,
    clock,
    redactor = createRedactor(clock),
    holderLimits: limits = defaultHolderLimits,
  } = world;
  // Nothing is held on to: a token or PIN that was replaced counts from the next signature on.
  const secrets = createSecretResolver({
    environment,
    redactor,
    clock,
    holdMilliseconds: 0,
  });
  return { secrets, environment, clock, limits, create };
}

/**
 * Opens the key of the intermediate, from its file or where the file says that it lives; a key that lives elsewhere is
 * made to prove itself. Throws Fault `passphrase_wrong`, `state_damaged`, `key_refused`, `unavailable`, ….
 */
export async function openSigningKey(
  file: string,
  certificate: Certificate,
  options: Omit<HolderWorld, 'environment'> & {
    readonly passphrase: () => Promise<string>;
    readonly environment?: Environment;
  },
): Promise<OpenedKey> {
  return await openKeptKey(file, await readKeyOctets(file), { ...options, certificate });
}

/** The same of what a key file held; `file` is for messages. A null certificate expects no key in particular. */
export async function openKeptKey(
  file: string,
  octets: Uint8Array,
  options: Parameters<typeof openSigningKey>[2] & { readonly certificate: Certificate | null },
): Promise<OpenedKey> {
  const reference = referenceIn(octets);
  if (reference === null) {
    const key = signingKey(await unseal(file, octets, await options.passphrase()));
    return { ...key, reference, async [Symbol.asyncDispose]() {} };
  }
  const environment = options.environment ?? process.env;
  const context = holderContext({ ...options, environment }, false);
  try {
    await using opened = new AsyncDisposableStack();
    const key = opened.use(await openHeldKey(readKeyReference(reference, environment), context));
    await proveKey(key, options.certificate?.publicKey ?? key.publicKey);
    opened.move();
    return key;
  } catch (error) {
    const fault = toFault(error);
    throw new Fault(fault.code, `The key named in ${file} cannot be used. ${fault.message}`, {
      cause: error,
    });
  }
}

/** A signing key and where it lives; a null reference is the encrypted file. */
export interface OpenedKey extends SigningKey, AsyncDisposable {
  readonly reference: string | null;
}

/** Peers learn that the key cannot be used; why, with its addresses and names, is for whoever reads our own log. */
export function discreet(key: SigningKey, log: (line: string) => void): SigningKey {
  let failing: string | null = null;
  return {
    publicKey: key.publicKey,
    algorithm: key.algorithm,
    async sign(tbs) {
      try {
        const signature = await key.sign(tbs);
        if (failing !== null) log('The signing key can be used again.');
        failing = null;
        return signature;
      } catch (error) {
        const fault = toFault(error);
        if (failing !== fault.message) log(`The signing key cannot be used: ${fault.message}`);
        failing = fault.message;
        throw new Fault(
          fault.code === 'unavailable' || fault.code === 'timed_out' ? 'unavailable' : 'key_refused',
          'The signing key cannot be used at the moment, so nothing was signed. The log of the authority says why.',
          { cause: error, retryAfterMilliseconds: 5_000 },
        );
      }
    },
  };
}

/** Reads and opens a sealed key. Throws Fault `state_damaged`, `passphrase_wrong`, `file_mode`, `unavailable`. */
export async function readKeyFile(file: string, passphrase: string): Promise<KeyObject> {
  return await unseal(file, await readKeyOctets(file), passphrase);
}

/** The octets of a key file. Throws Fault `state_damaged`, `file_mode`, `unavailable`. */
export async function readKeyOctets(file: string): Promise<Uint8Array> {
  try {
    return await readPrivateFile(file);
  } catch (error) {
    throw keyFileFault(file, error);
  }
}

async function unseal(file: string, octets: Uint8Array, passphrase: string): Promise<KeyObject> {
  try {
    return await openKey(octets, passphrase);
  } catch (error) {
    throw keyFileFault(file, error);
  }
}

function keyFileFault(file: string, error: unknown): unknown {
  if (!(error instanceof Fault)) return error;
  if (error.code === 'not_found') return lostState(file, error);
  if (error.code === 'invalid_input') {
    return new Fault('state_damaged', `${error.message} Restore the folder from a backup.`, { cause: error });
  }
  if (error.code === 'file_mode' || error.code === 'unavailable') return error;
  return new Fault(error.code, `${file}: ${error.message}`, { cause: error });
}

/** A part of the data folder that is not there any more. */
export function lostState(place: string, cause: unknown, advice = ''): Fault {
  return new Fault(
    'state_damaged',
    `${place} is missing. Nothing was changed. Put the last backup back with: countersign restore.${advice}`,
    { cause },
  );
}
