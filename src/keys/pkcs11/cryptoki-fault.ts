import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { Pkcs11Reference } from './reference.ts';
import { CryptokiError } from './rpc-message.ts';

interface Row {
  readonly name: string;
  readonly code: FaultCode;
  readonly advice: string;
}

const wait = 'It is tried again from the start with the next signature.';
const pin = (name: string, advice: string): Row => ({ name, code: 'key_refused', advice });
const passing = (name: string): Row => ({ name, code: 'unavailable', advice: wait });

/** Return values of PKCS #11 v3.1 §5.1 that a person can do something about. */
const rows: Readonly<Record<number, Row>> = {
  0x5: passing('CKR_GENERAL_ERROR'),
  0x6: passing('CKR_FUNCTION_FAILED'),
  0x30: passing('CKR_DEVICE_ERROR'),
  0x31: passing('CKR_DEVICE_MEMORY'),
  0x32: passing('CKR_DEVICE_REMOVED'),
  0x60: passing('CKR_KEY_HANDLE_INVALID'),
  0x63: pin('CKR_KEY_TYPE_INCONSISTENT', 'Name an elliptic-curve key.'),
  0x68: pin('CKR_KEY_FUNCTION_NOT_PERMITTED', 'The key may not sign (CKA_SIGN). Name one that may.'),
  0x70: pin('CKR_MECHANISM_INVALID', 'The token does not have ECDSA over a digest.'),
  0x82: passing('CKR_OBJECT_HANDLE_INVALID'),
  0xa0: pin(
    'CKR_PIN_INCORRECT',
    'Put the right PIN where pin-source says. The wrong one is not tried again.',
  ),
  0xa1: pin('CKR_PIN_INVALID', 'Put the right PIN where pin-source says. The wrong one is not tried again.'),
  0xa2: pin(
    'CKR_PIN_LEN_RANGE',
    'Put the right PIN where pin-source says. The wrong one is not tried again.',
  ),
  0xa3: pin('CKR_PIN_EXPIRED', 'Set a new PIN with the tool of the token.'),
  0xa4: pin('CKR_PIN_LOCKED', 'Unlock it with the tool of the token.'),
  0xb0: passing('CKR_SESSION_CLOSED'),
  0xb1: passing('CKR_SESSION_COUNT'),
  0xb3: passing('CKR_SESSION_HANDLE_INVALID'),
  0xe0: passing('CKR_TOKEN_NOT_PRESENT'),
  0xe1: pin('CKR_TOKEN_NOT_RECOGNIZED', 'Initialise it with the tool of the token.'),
  0xe2: pin('CKR_TOKEN_WRITE_PROTECTED', 'Make the key with the tool of the token.'),
  0x101: passing('CKR_USER_NOT_LOGGED_IN'),
  0x102: pin('CKR_USER_PIN_NOT_INITIALIZED', 'Set a user PIN with the tool of the token.'),
};

/** Whether the PIN was wrong: trying it again would lock the token. */
export function isPinRefused(error: unknown): boolean {
  return error instanceof CryptokiError && error.value >= 0xa0 && error.value <= 0xa4;
}

/** An error of the token as a Fault. */
export function cryptokiFault(error: unknown, reference: Pkcs11Reference): unknown {
  if (!(error instanceof CryptokiError)) return error;
  const row = rows[error.value] ?? passing(error.message);
  return new Fault(row.code, `The token ${reference.token} answers ${row.name}. ${row.advice}`, {
    cause: error,
  });
}
