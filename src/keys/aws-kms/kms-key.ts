import type { KMSClient } from '@aws-sdk/client-kms';
import { sha256 } from '../../kernel/bytes.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { type Attempts, createAttempts } from '../../secrets/attempts.ts';
import { type HeldKey, type HolderContext, readHeldPublicKey } from '../held-key.ts';
import { kmsFault } from './kms-fault.ts';
import { type AwsKmsReference, writeAwsKmsReference } from './reference.ts';

type Sdk = typeof import('@aws-sdk/client-kms');

/** KMS with the way to speak to it. */
interface Kms {
  readonly sdk: Sdk;
  readonly client: KMSClient;
  readonly attempts: Attempts;
  readonly reference: AwsKmsReference;
}

/**
 * An ECC_NIST_P256 key of AWS KMS for SIGN_VERIFY. A digest is sent and a DER signature comes back; what an alias led to
 * is pinned as the ARN of the key. Throws Fault `not_found`, `key_refused`, `unavailable`, `secret_unresolved`.
 */
export async function openKmsKey(reference: AwsKmsReference, context: HolderContext): Promise<HeldKey> {
  const sdk = await loadSdk();
  const client = connect(sdk, reference, context);
  const attempts = createAttempts(context.limits, `AWS KMS in ${reference.region}`);
  const kms: Kms = { sdk, client, attempts, reference };
  try {
    const found = await findOrCreate(kms, context.create);
    return heldKey(kms, found);
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** Not among the dependencies of everybody: it is three times the size of Countersign. */
async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-kms');
  } catch (cause) {
    throw new Fault(
      'key_refused',
      'The package @aws-sdk/client-kms is not installed beside Countersign. Run: npm install @aws-sdk/client-kms',
      { cause },
    );
  }
}

function connect(sdk: Sdk, reference: AwsKmsReference, { limits }: HolderContext): KMSClient {
  return new sdk.KMSClient({
    region: reference.region,
    ...(reference.endpoint !== null && { endpoint: reference.endpoint }),
    ...(reference.profile !== null && { profile: reference.profile }),
    // What may be repeated is repeated by us, within the time that a signature has.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: limits.attemptMilliseconds,
      requestTimeout: limits.attemptMilliseconds,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: limits.concurrent, keepAlive: true },
      httpsAgent: { maxSockets: limits.concurrent, keepAlive: true },
    },
  });
}

interface Found {
  readonly arn: string;
  readonly spki: Uint8Array;
}

async function findOrCreate(kms: Kms, create: boolean): Promise<Found> {
  try {
    return await find(kms);
  } catch (error) {
    const missing = error instanceof Fault && error.code === 'not_found';
    if (!missing || !create || !kms.reference.key.startsWith('alias/')) throw error;
  }
  await createKey(kms);
  return await find(kms);
}

async function find({ sdk, client, attempts, reference }: Kms): Promise<Found> {
  const answer = await attempts.run((abortSignal) =>
    client
      .send(new sdk.GetPublicKeyCommand({ KeyId: reference.key }), { abortSignal })
      .catch((error: unknown) => {
        throw kmsFault(error, reference, 'GetPublicKey');
      }),
  );
  if (answer.KeyUsage !== 'SIGN_VERIFY') {
    throw new Fault(
      'key_refused',
      `The key ${reference.key} is for ${answer.KeyUsage}. Name one that is ECC_NIST_P256 for SIGN_VERIFY.`,
    );
  }
  if (!answer.PublicKey || answer.KeyId === undefined) {
    throw new Fault('unavailable', `AWS KMS answered without the public key of ${reference.key}.`);
  }
  return { arn: answer.KeyId, spki: answer.PublicKey };
}

/** Not repeated: a second time would make a second key. */
async function createKey({ sdk, client, reference }: Kms): Promise<void> {
  try {
    const made = await client.send(
      new sdk.CreateKeyCommand({
        KeySpec: 'ECC_NIST_P256',
        KeyUsage: 'SIGN_VERIFY',
        Description: 'Countersign: signs certificates',
      }),
    );
    await client.send(
      new sdk.CreateAliasCommand({ AliasName: reference.key, TargetKeyId: made.KeyMetadata?.KeyId }),
    );
  } catch (error) {
    throw kmsFault(error, reference, 'CreateKey and CreateAlias');
  }
}

function heldKey(kms: Kms, { arn, spki }: Found): HeldKey {
  const { sdk, client, attempts } = kms;
  // Whatever becomes of the alias, this key is meant.
  const reference = { ...kms.reference, key: arn };
  return {
    publicKey: readHeldPublicKey(new Uint8Array(spki), `The key ${arn}`),
    algorithm: 'ecdsa-with-SHA256',
    reference: writeAwsKmsReference(reference),
    notes: [],
    async sign(tbs) {
      const command = new sdk.SignCommand({
        KeyId: arn,
        Message: sha256(tbs),
        MessageType: 'DIGEST',
        SigningAlgorithm: 'ECDSA_SHA_256',
      });
      const answer = await attempts.run((abortSignal) =>
        client.send(command, { abortSignal }).catch((error: unknown) => {
          throw kmsFault(error, reference, 'Sign');
        }),
      );
      if (answer.Signature) return new Uint8Array(answer.Signature);
      throw new Fault('unavailable', `AWS KMS answered without a signature: ${errorText(answer)}`);
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}
