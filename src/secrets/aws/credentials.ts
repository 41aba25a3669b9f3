import { Fault } from '../../kernel/fault.ts';
import type { AwsCredentials } from './sign-request.ts';

/** Gets the credentials that requests are signed with. Throws Fault `secret_unresolved` or `unavailable`. */
export type CredentialSource = () => Promise<AwsCredentials>;

/**
 * The credentials of this process, as every AWS program takes them: the variables AWS_ACCESS_KEY_ID and so on, unless a profile is
 * named; else the ways of the SDK (roles of containers and machines, web identities, profiles), when it is installed beside us.
 */
export function awsCredentials(
  environment: Readonly<Record<string, string | undefined>>,
  { region, profile }: { readonly region: string; readonly profile: string | null },
): CredentialSource {
  let provider: Promise<CredentialSource> | null = null;
  return async () => {
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
    if (profile === null && accessKeyId && secretAccessKey) {
      return { accessKeyId, secretAccessKey, sessionToken: environment['AWS_SESSION_TOKEN'] || null };
    }
    provider ??= fromSdk(region, profile);
    try {
      return await (await provider)();
    } catch (cause) {
      provider = null;
      if (cause instanceof Fault) throw cause;
      const detail =
        'There are no credentials for AWS here; give them as every AWS program takes them: a role, a profile, or AWS_ACCESS_KEY_ID.';
      throw new Fault('secret_unresolved', detail, { cause });
    }
  };
}

/** The client of KMS has the same ways to credentials as every other one of the SDK. */
async function fromSdk(region: string, profile: string | null): Promise<CredentialSource> {
  const { KMSClient } = await import('@aws-sdk/client-kms').catch((cause: unknown) => {
    const detail =
      'AWS_ACCESS_KEY_ID is not set, and for other ways the package @aws-sdk/client-kms has to be installed beside Countersign. Run: npm install @aws-sdk/client-kms';
    throw new Fault('secret_unresolved', detail, { cause });
  });
  const { config } = new KMSClient({ region, ...(profile !== null && { profile }) });
  return async () => {
    const { accessKeyId, secretAccessKey, sessionToken = null } = await config.credentials();
    return { accessKeyId, secretAccessKey, sessionToken };
  };
}
