import type { KeyObject } from 'node:crypto';
import { fromBase64, sha256, toBase64 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { createAttempts } from '../../secrets/attempts.ts';
import { type HeldKey, type HolderContext, readHeldPublicKey } from '../held-key.ts';
import { type VaultReference, writeVaultReference } from './reference.ts';
import { openVaultSession, type VaultSession } from '../../secrets/vault/session.ts';

/**
 * A P-256 key of the transit engine of Vault or OpenBao. A digest is sent and an ASN.1 signature comes back; the version
 * of the key is pinned, so that a rotation in Vault does not change what signs here unseen.
 * Throws Fault `not_found`, `key_refused`, `unavailable`, `secret_unresolved`.
 */
export async function openTransitKey(reference: VaultReference, context: HolderContext): Promise<HeldKey> {
  await using opened = new AsyncDisposableStack();
  const session = opened.use(
    await openVaultSession(reference, { ...context, addresses: 'any', refused: 'key_refused' }),
  );
  const attempts = createAttempts(context.limits, `Vault at ${reference.address}`);
  const described = await attempts.run((signal) => describe(session, reference, context, signal));
  const version = reference.version ?? described.latest;
  const publicKey = publicKeyOf(described, version, reference);
  const held = opened.move();
  return {
    publicKey,
    algorithm: 'ecdsa-with-SHA256',
    reference: writeVaultReference({ ...reference, version }),
    notes: described.notes,
    sign(tbs) {
      const digest = toBase64(sha256(tbs));
      return attempts.run((signal) => sign(session, reference, { digest, version }, signal));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

interface Described {
  readonly latest: number;
  readonly versions: JsonObject;
  readonly notes: readonly string[];
}

async function describe(
  session: VaultSession,
  reference: VaultReference,
  { create }: HolderContext,
  signal: AbortSignal,
): Promise<Described> {
  const path = `${reference.mount}/keys/${reference.key}`;
  let answer = await session.ask('GET', path, null, signal);
  if (answer === null && create) {
    // Without a parameter that lets the key out: exportable and allow_plaintext_backup are false.
    await session.ask('POST', path, { type: 'ecdsa-p256' }, signal);
    answer = await session.ask('GET', path, null, signal);
  }
  if (answer === null) {
    throw new Fault(
      'not_found',
      `Vault at ${reference.address} has no key ${path}. Put it back, or name the one that the certificate was made for.`,
    );
  }
  const data = isJsonObject(answer) ? answer['data'] : null;
  if (!isJsonObject(data) || !isJsonObject(data['keys']) || typeof data['latest_version'] !== 'number') {
    throw new Fault(
      'unavailable',
      `What answers at ${reference.address} is not the transit engine of Vault.`,
    );
  }
  const { type } = data;
  if (type !== 'ecdsa-p256') {
    throw new Fault(
      'key_refused',
      `The key ${path} is of type ${JSON.stringify(type)}. Name one of type ecdsa-p256, or one that does not exist yet.`,
    );
  }
  return { latest: data['latest_version'], versions: data['keys'], notes: notesOn(data, path) };
}

function notesOn(data: JsonObject, path: string): readonly string[] {
  const open = ['exportable', 'allow_plaintext_backup'].filter((name) => data[name] === true);
  if (open.length === 0) return [];
  return [
    `Vault can give the private key ${path} out (${open.join(', ')}). A key made anew cannot be taken along.`,
  ];
}

function publicKeyOf(described: Described, version: number, reference: VaultReference): KeyObject {
  const where = `Version ${version} of the key ${reference.mount}/keys/${reference.key}`;
  const entry = described.versions[String(version)];
  const pem = isJsonObject(entry) ? entry['public_key'] : null;
  if (typeof pem !== 'string') {
    throw new Fault('not_found', `${where} does not exist in Vault, or is archived there.`);
  }
  return readHeldPublicKey(pem, where);
}

async function sign(
  session: VaultSession,
  reference: VaultReference,
  order: { readonly digest: string; readonly version: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const answer = await session.ask(
    'POST',
    `${reference.mount}/sign/${reference.key}`,
    {
      input: order.digest,
      prehashed: true,
      hash_algorithm: 'sha2-256',
      marshaling_algorithm: 'asn1',
      key_version: order.version,
    },
    signal,
  );
  const signature = readSignature(answer, order.version);
  if (signature) return signature;
  throw new Fault(
    'key_refused',
    `Vault at ${reference.address} answered with no signature of version ${order.version} of the key.`,
  );
}

/** `vault:v1:` and base64. */
function readSignature(answer: Json | null, version: number): Uint8Array | null {
  const data = isJsonObject(answer) ? answer['data'] : null;
  const text = isJsonObject(data) ? data['signature'] : null;
  const start = `vault:v${version}:`;
  return typeof text === 'string' && text.startsWith(start) ? fromBase64(text.slice(start.length)) : null;
}
