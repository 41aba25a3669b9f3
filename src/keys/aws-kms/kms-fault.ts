import { errorText, Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { AwsKmsReference } from './reference.ts';

interface Row {
  readonly code: FaultCode;
  readonly advice: string;
}

const notPermitted: Row = {
  code: 'key_refused',
  advice: 'Allow kms:GetPublicKey and kms:Sign on this key in its key policy or to this role.',
};
const notKnown: Row = {
  code: 'key_refused',
  advice: 'Look at the credentials: AWS does not know them, or they are over.',
};
const notUsable: Row = {
  code: 'key_refused',
  advice: 'Enable the key in KMS, or cancel its deletion.',
};

/** The errors of KMS that waiting does not mend, by name (AWS KMS API Reference, Common Errors and Sign). */
const rows: Readonly<Record<string, Row>> = {
  NotFoundException: { code: 'not_found', advice: 'Name a key of this account and region.' },
  DisabledException: notUsable,
  KMSInvalidStateException: notUsable,
  InvalidKeyUsageException: { code: 'key_refused', advice: 'Name a key for SIGN_VERIFY.' },
  UnsupportedOperationException: { code: 'key_refused', advice: 'Name an asymmetric key.' },
  AccessDeniedException: notPermitted,
  AccessDenied: notPermitted,
  UnrecognizedClientException: notKnown,
  InvalidClientTokenId: notKnown,
  InvalidSignatureException: notKnown,
  SignatureDoesNotMatch: notKnown,
  IncompleteSignature: notKnown,
  ExpiredTokenException: notKnown,
  ExpiredToken: notKnown,
  AuthFailure: notKnown,
  MissingAuthenticationTokenException: notKnown,
  CredentialsProviderError: {
    code: 'secret_unresolved',
    advice: 'Give credentials as every AWS program takes them: a role, a profile, or AWS_ACCESS_KEY_ID.',
  },
};

/** What is answered in front of KMS need not name an error of KMS, nor be JSON. */
function isForbidden(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const response = '$response' in error ? error.$response : null;
  const status =
    typeof response === 'object' && response !== null && 'statusCode' in response ? response.statusCode : 0;
  return status === 401 || status === 403;
}

/** An error of the SDK as ours: what will pass is `unavailable`, everything else says what to do. */
export function kmsFault(error: unknown, reference: AwsKmsReference, what: string): Fault {
  if (error instanceof Fault) return error;
  const name = error instanceof Error ? error.name : '';
  const where = reference.endpoint ?? `AWS KMS in ${reference.region}`;
  const said = errorText(error).replaceAll(/\s+/g, ' ').replace(/\.$/, '').slice(0, 300);
  const row = rows[name] ?? (isForbidden(error) ? notKnown : undefined);
  if (row) {
    return new Fault(
      row.code,
      `${where} refuses ${what} with ${reference.key}: ${name}, ${said}. ${row.advice}`,
      {
        cause: error,
      },
    );
  }
  return new Fault(
    'unavailable',
    `${where} does not do ${what} now: ${name}${said === '' ? '' : `, ${said}`}.`,
    {
      cause: error,
    },
  );
}
