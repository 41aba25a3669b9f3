import { createPrivateKey, type KeyObject, scrypt } from 'node:crypto';
import { z } from 'zod';
import { fromBase64, toBase64, utf8 } from '../../kernel/bytes.ts';
import { readPrivateFile, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { randomBytes } from '../../kernel/random.ts';
import { createSeal } from '../../kernel/seal.ts';

/** Everything that another machine needs to be an authority of the same store, and nothing of the root's key. */
export interface PeerBundle {
  readonly trustDomain: string;
  /** Epoch milliseconds. */
  readonly madeAt: number;
  /** What is the same for all, by its name in the data folder. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** By the name of their file: a private key, or the reference file of one that lives elsewhere. */
  readonly keys: Readonly<Record<string, KeyObject | Uint8Array>>;
}

const format = 'countersign-peer-v1';
/** As for key files: about half a second and 128 MiB for a guess. */
const usualCost = 2 ** 17;
const greatestCost = 2 ** 20;
const longest = 64 * 1024 * 1024;
const shortestPassphrase = 12;

const envelope = z.strictObject({
  format: z.literal(format),
  cost: z.number().int().min(2).max(greatestCost),
  salt: z.string().max(100),
  sealed: z.string().max(longest),
});
const octets = z.string().max(longest);
const content = z.strictObject({
  trustDomain: z.string().max(255),
  madeAt: z.number(),
  files: z.record(z.string(), octets),
  keys: z.record(z.string(), z.strictObject({ pkcs8: octets.nullable(), reference: octets.nullable() })),
});

/** Seals a bundle under a passphrase of its own and writes it, mode 0600. Throws Fault `passphrase_required` for a short one. */
export async function writePeerBundle(
  path: string,
  bundle: PeerBundle,
  { passphrase, cost = usualCost }: { readonly passphrase: string; readonly cost?: number },
): Promise<void> {
  if (passphrase.length < shortestPassphrase) {
    throw new Fault(
      'passphrase_required',
      `The bundle can be the whole authority: its passphrase has ${shortestPassphrase} characters at least.`,
    );
  }
  const value: z.input<typeof content> = {
    trustDomain: bundle.trustDomain,
    madeAt: bundle.madeAt,
    files: Object.fromEntries(Object.entries(bundle.files).map(([name, held]) => [name, toBase64(held)])),
    keys: Object.fromEntries(Object.entries(bundle.keys).map(([name, held]) => [name, writeKey(held)])),
  };
  const salt = randomBytes(32);
  const sealed = (await sealOf(passphrase, salt, cost)).seal(JSON.stringify(value), [format]);
  await writeDurably(path, `${JSON.stringify({ format, cost, salt: toBase64(salt), sealed })}\n`);
}

/** Opens what `writePeerBundle` wrote. Throws Fault `passphrase_wrong`, `invalid_input`, `not_found`, `file_mode`. */
export async function readPeerBundle(path: string, passphrase: string): Promise<PeerBundle> {
  const read = envelope.safeParse(readJson(await readPrivateFile(path), path));
  const salt = read.success ? fromBase64(read.data.salt) : null;
  if (!read.success || !salt) throw noBundle(path);
  const { cost, sealed } = read.data;
  const text = (await sealOf(passphrase, salt, cost)).open(sealed, [format]);
  if (text === null) {
    throw new Fault(
      'passphrase_wrong',
      `The passphrase does not open ${path}, or it was changed on the way. Make another: countersign peer export`,
    );
  }
  const { files, keys, ...facts } = content.parse(readJson(utf8(text), path));
  return {
    ...facts,
    files: Object.fromEntries(Object.entries(files).map(([name, held]) => [name, readOctets(held, path)])),
    keys: Object.fromEntries(
      Object.entries(keys).map(([name, { pkcs8, reference }]) => [
        name,
        pkcs8 === null ? readOctets(reference ?? '', path) : readKey(pkcs8, path),
      ]),
    ),
  };
}

function writeKey(held: KeyObject | Uint8Array): { pkcs8: string | null; reference: string | null } {
  if (held instanceof Uint8Array) return { pkcs8: null, reference: toBase64(held) };
  return { pkcs8: toBase64(held.export({ type: 'pkcs8', format: 'der' })), reference: null };
}

function readKey(pkcs8: string, path: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(readOctets(pkcs8, path)), format: 'der', type: 'pkcs8' });
}

function readOctets(text: string, path: string): Uint8Array {
  const found = fromBase64(text);
  if (found) return found;
  throw noBundle(path);
}

function readJson(text: Uint8Array, path: string): unknown {
  try {
    return parseJson(text, { depth: 4, values: 100_000 });
  } catch {
    throw noBundle(path);
  }
}

async function sealOf(
  passphrase: string,
  salt: Uint8Array,
  cost: number,
): Promise<ReturnType<typeof createSeal>> {
  const key = await new Promise<Buffer>((resolve, reject) => {
    const options = { N: cost, r: 8, p: 1, maxmem: 2_048 * Math.max(cost, 1_024) };
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, derived) =>
      error ? reject(error) : resolve(derived),
    );
  });
  return createSeal(key, longest);
}

function noBundle(path: string): Fault {
  return new Fault('invalid_input', `${path} is not what countersign peer export makes.`);
}
