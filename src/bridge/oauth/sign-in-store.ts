import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64url, sha256Base64url, toBase64url } from '../../kernel/bytes.ts';
import { isJsonArray, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readPrivateFile, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomBytes } from '../../kernel/random.ts';
import { createSeal, type Seal } from '../../kernel/seal.ts';
import { lockFolder } from '../folder-lock.ts';
import type { KeptClient } from './client-identity.ts';

/** A sign-in that outlives the bridge: what gets the next access token. Good at its issuer only, for its resource only. */
export interface SignIn {
  readonly issuer: string;
  readonly resource: string;
  readonly client: KeptClient;
  readonly refreshToken: string;
  /** The scopes that were asked for. */
  readonly scopes: readonly string[];
}

/** Where the sign-in at one server lies. */
export interface SignInStore {
  /** null when there is none, or none that this key opens. Throws Fault `file_mode`. */
  read(): Promise<SignIn | null>;
  isThere(): Promise<boolean>;
  write(signIn: SignIn): Promise<void>;
  forget(): Promise<void>;
  /** A refresh token is good once: bridges that share one take turns. Throws Fault `state_locked`. */
  lock(signal: AbortSignal): Promise<AsyncDisposable>;
}

const longest = 64 * 1024;

/**
 * Files 0600 in a folder 0700, one for each server, encrypted under a key that lies beside them: whoever copies one file, into a
 * backup or an answer of a model, has nothing. Whoever reads the whole folder has what the person at the keyboard has.
 */
export function createSignInStore(folder: string, server: string, clock: Clock): SignInStore {
  const name = sha256Base64url(server).slice(0, 22);
  const place = join(folder, `sign-in-${name}`);
  const context = ['countersign bridge sign-in', server];
  return {
    async read() {
      const [sealed, key] = await Promise.all([readText(place), readText(join(folder, 'sign-in.key'))]);
      const bytes = fromBase64url(key ?? '');
      if (sealed === null || bytes?.length !== 32) return null;
      return readSignIn(createSeal(bytes, longest).open(sealed, context));
    },
    isThere: async () => (await stat(place).catch(() => null)) !== null,
    async write(signIn) {
      const seal = await sealOf(folder, clock);
      await writeDurably(place, seal.seal(JSON.stringify(signIn), context));
    },
    forget: () => rm(place, { force: true }),
    async lock(signal) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return await lockFolder(`${place}.lock`, clock, signal);
    },
  };
}

/** For a bridge that has nowhere to keep anything. */
export function createMemoryStore(): SignInStore {
  let held: SignIn | null = null;
  return {
    read: async () => held,
    isThere: async () => held !== null,
    async write(signIn) {
      held = signIn;
    },
    async forget() {
      held = null;
    },
    lock: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
  };
}

/** The key is made once; bridges that start at once agree on one. */
async function sealOf(folder: string, clock: Clock): Promise<Seal> {
  const path = join(folder, 'sign-in.key');
  await using _turn = await lockFolder(`${path}.lock`, clock);
  const held = fromBase64url((await readText(path)) ?? '');
  if (held?.length === 32) return createSeal(held, longest);
  const key = randomBytes(32);
  await writeDurably(path, toBase64url(key));
  return createSeal(key, longest);
}

function readSignIn(text: string | null): SignIn | null {
  if (text === null) return null;
  const value = JSON.parse(text) as Json;
  const { issuer, resource, client, refreshToken, scopes } = isJsonObject(value) ? value : {};
  const { id, secret, method } = isJsonObject(client) ? client : {};
  const texts = [issuer, resource, refreshToken, id, method];
  if (texts.some((one) => typeof one !== 'string') || !isJsonArray(scopes ?? null)) return null;
  if (secret !== null && typeof secret !== 'string') return null;
  // Nobody but this file can have sealed it.
  return value as unknown as SignIn;
}

async function readText(path: string): Promise<string | null> {
  try {
    return Buffer.from(await readPrivateFile(path))
      .toString('utf8')
      .trim();
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  }
}
