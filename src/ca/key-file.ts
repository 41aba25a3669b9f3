import { createCipheriv, createDecipheriv, createPrivateKey, type KeyObject, scrypt } from 'node:crypto';
import { fromBase64url, sha256Base64url, toBase64url, utf8 } from '../kernel/bytes.ts';
import { canonicalJson, isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { readPrivateFile, writeDurably } from '../kernel/durable-file.ts';
import { Fault } from '../kernel/fault.ts';
import { parseJson } from '../kernel/parse-json.ts';
import { randomBytes } from '../kernel/random.ts';

const format = 'countersign-key-v1';

// OWASP's first choice for scrypt (N = 2^17, r = 8, p = 1): 128 MiB and about half a second per guess.
const defaultCost = 2 ** 17;
const blockSize = 8;
// A damaged or planted file must not be able to ask for more memory than this cost needs (1 GiB).
const greatestCost = 2 ** 20;

/**
 * Encrypts a private key: scrypt, then AES-256-GCM over the PKCS #8, in one JSON envelope. `cost` is scrypt's N, a
 * power of two. Throws Fault `passphrase_required` for an empty passphrase.
 */
export async function sealKey(key: KeyObject, passphrase: string, cost = defaultCost): Promise<Uint8Array> {
  const salt = randomBytes(32);
  const iv = randomBytes(12);
  const header = { format, kdf: 'scrypt', cost, salt: toBase64url(salt), iv: toBase64url(iv) };
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, cost), iv);
  cipher.setAAD(utf8(canonicalJson(header)));
  const plain = key.export({ type: 'pkcs8', format: 'der' });
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  plain.fill(0);
  const body = { ...header, ciphertext: toBase64url(ciphertext), tag: toBase64url(cipher.getAuthTag()) };
  return utf8(`${canonicalJson({ ...body, checksum: checksum(body) })}\n`);
}

/**
 * Opens what `sealKey` made. Throws Fault `passphrase_required`, `passphrase_wrong`, or `state_damaged` when the
 * octets are not a whole envelope: the checksum tells damage from a wrong passphrase, the GCM tag guards the key.
 */
export async function openKey(bytes: Uint8Array, passphrase: string): Promise<KeyObject> {
  const envelope = readEnvelope(bytes);
  const decipher = createDecipheriv(
    'aes-256-gcm',
    await derive(passphrase, envelope.salt, envelope.cost),
    envelope.iv,
    {
      authTagLength: 16,
    },
  );
  decipher.setAAD(utf8(canonicalJson(envelope.header)));
  decipher.setAuthTag(envelope.tag);
  const start = decipher.update(envelope.ciphertext);
  let plain: Buffer;
  try {
    plain = Buffer.concat([start, decipher.final()]);
  } catch (cause) {
    throw new Fault(
      'passphrase_wrong',
      'The passphrase does not open this key. Give the one it was sealed with; nobody can recover it.',
      { cause },
    );
  } finally {
    start.fill(0);
  }
  try {
    return createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw damaged('what it holds is not a private key', cause);
  } finally {
    plain.fill(0);
  }
}

/** Writes a sealed key, mode 0600, whole or not at all. */
export async function writeKeyFile(
  path: string,
  key: KeyObject,
  passphrase: string,
  cost = defaultCost,
): Promise<void> {
  await writeDurably(path, await sealKey(key, passphrase, cost));
}

/** Reads a sealed key. Throws what `openKey` throws, and Fault `file_mode` or `not_found`. */
export async function readKeyFile(path: string, passphrase: string): Promise<KeyObject> {
  return openKey(await readPrivateFile(path), passphrase);
}

function derive(passphrase: string, salt: Uint8Array, cost: number): Promise<Buffer> {
  if (passphrase === '') {
    throw new Fault('passphrase_required', 'This key is kept encrypted and no passphrase was given.');
  }
  const options = { N: cost, r: blockSize, p: 1, maxmem: 256 * Math.max(cost, 1024) * blockSize };
  return new Promise((resolve, reject) => {
    // NFC: the same passphrase typed on two keyboards must give the same octets.
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

interface Envelope {
  readonly header: JsonObject;
  readonly cost: number;
  readonly salt: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

function readEnvelope(bytes: Uint8Array): Envelope {
  const value = readJson(bytes);
  if (!isJsonObject(value)) throw damaged('it is not a JSON object');
  const { checksum: stated, ...body } = value;
  if (stated !== checksum(body)) throw damaged('its checksum does not fit its content');
  const { ciphertext, tag, ...header } = body;
  const { cost } = header;
  if (header['format'] !== format || header['kdf'] !== 'scrypt')
    throw damaged('its format is not known here');
  if (typeof cost !== 'number' || !isAcceptedCost(cost)) throw damaged('its scrypt cost is out of range');
  return {
    header,
    cost,
    salt: octets(header['salt'], 32),
    iv: octets(header['iv'], 12),
    ciphertext: octets(ciphertext, null),
    tag: octets(tag, 16),
  };
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, { depth: 2, values: 32 });
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
}

function isAcceptedCost(cost: number): boolean {
  return Number.isInteger(cost) && cost >= 2 && cost <= greatestCost && Number.isInteger(Math.log2(cost));
}

function octets(value: unknown, length: number | null): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64url(value) : null;
  if (!bytes || (length !== null && bytes.length !== length))
    throw damaged('one of its values has the wrong length');
  return bytes;
}

function checksum(body: JsonObject): string {
  return sha256Base64url(canonicalJson(body));
}

function damaged(why: string, cause?: unknown): Fault {
  return new Fault('state_damaged', `The key file cannot be used: ${why}. Restore it from a backup.`, {
    cause,
  });
}
