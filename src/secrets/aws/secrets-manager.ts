import type { AddressPolicy } from '../../http/address-guard.ts';
import type { WholeResponse } from '../../http/fetch.ts';
import { fromBase64 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { createHolderClient } from '../holder-client.ts';
import { type Leased, type SecretHolder, textFields } from '../holder.ts';
import type { AwsSecret } from '../reference.ts';
import type { CredentialSource } from './credentials.ts';
import { signRequest } from './sign-request.ts';

export interface SecretsManagerOptions {
  /** Of names; an ARN names its own. */
  readonly region: string;
  /** An origin other than AWS's own, such as a VPC endpoint. */
  readonly endpoint: string | null;
  readonly addresses: AddressPolicy;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
}

const called = 'AWS Secrets Manager';

/** Secrets of AWS Secrets Manager, by name or ARN, in the version that a stage (AWSCURRENT unless named) or an id means. */
export function createSecretsManager(options: SecretsManagerOptions): SecretHolder<AwsSecret> {
  const { clock, endpoint, addresses } = options;
  const client = createHolderClient({
    called,
    addressSetting: 'secrets.aws.addresses',
    authorities: null,
    addresses,
  });
  return {
    async read(secret, signal) {
      const region = /^arn:[^:]+:secretsmanager:([^:]+):/.exec(secret.id)?.[1] ?? options.region;
      const url = new URL(endpoint ?? originOf(region));
      const body = JSON.stringify({
        SecretId: secret.id,
        ...(secret.stage !== null && { VersionStage: secret.stage }),
        ...(secret.version !== null && { VersionId: secret.version }),
      });
      const unsigned = {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'secretsmanager.GetSecretValue',
      };
      const scope = { region, service: 'secretsmanager', now: clock.now() };
      const signed = signRequest(
        { method: 'POST', url, headers: unsigned, body },
        scope,
        await options.credentials(),
      );
      const { host: _, ...headers } = signed;
      return readAnswer(await client.ask({ method: 'POST', url: url.href, headers, body, signal }));
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function originOf(region: string): string {
  return `https://secretsmanager.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function readAnswer(answer: WholeResponse): Leased {
  const json = objectOf(answer);
  if (answer.status !== 200) throw refusal(answer.status, json);
  const { SecretString: text, SecretBinary: octets } = json ?? {};
  const whole = typeof text === 'string' ? text : textOf(octets);
  if (whole === null) throw new Fault('secret_unresolved', 'The secret is no text.');
  return { fields: textFields(membersOf(whole)), whole, lease: null };
}

function objectOf(answer: WholeResponse): JsonObject | null {
  try {
    const json = answer.json();
    return isJsonObject(json) ? json : null;
  } catch {
    return null;
  }
}

function textOf(octets: Json | undefined): string | null {
  const decoded = typeof octets === 'string' ? fromBase64(octets) : null;
  if (!decoded) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(decoded);
  } catch {
    return null;
  }
}

/** A secret of several members is kept as JSON. */
function membersOf(whole: string): Json | undefined {
  if (!whole.startsWith('{')) return undefined;
  try {
    return JSON.parse(whole) as Json;
  } catch {
    return undefined;
  }
}

/** What waiting does not mend, by the name of the error (Secrets Manager API Reference, GetSecretValue and Common Errors). */
const permanent: Readonly<Record<string, string>> = {
  ResourceNotFoundException: 'There is no such secret, or not in this version or stage.',
  InvalidRequestException: 'The secret is about to be deleted, or has no value.',
  InvalidParameterException: 'The reference is not one that it takes.',
  ValidationException: 'The reference is not one that it takes.',
  DecryptionFailure: 'It may not use the key that the secret is encrypted with.',
  AccessDeniedException:
    'It does not permit secretsmanager:GetSecretValue on this secret to these credentials.',
  UnrecognizedClientException: 'It does not know these credentials.',
  InvalidSignatureException: 'It does not take the signature: look at the credentials and at the clock.',
  ExpiredTokenException: 'The credentials are over.',
};

function refusal(status: number, json: JsonObject | null): Fault {
  const named = json?.['__type'];
  const type = typeof named === 'string' ? (named.split('#').at(-1) ?? '') : '';
  const said = json?.['message'] ?? json?.['Message'];
  const cause = new Error(`${status} ${type} ${typeof said === 'string' ? said.slice(0, 300) : ''}`.trim());
  const known = Object.hasOwn(permanent, type) ? permanent[type] : undefined;
  if (known !== undefined) return new Fault('secret_unresolved', `${called}: ${known}`, { cause });
  if (status === 401 || status === 403 || status === 404) {
    return new Fault('secret_unresolved', `${called} refuses to give it (${status}).`, { cause });
  }
  return new Fault('unavailable', `${called} answers ${status}.`, { cause });
}
