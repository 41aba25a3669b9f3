import { setTimeout as wait } from 'node:timers/promises';
import { equalBytes } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import {
  contentCiphers,
  isContentCipher,
  openEnvelopedData,
  recipientFor,
} from '../../x509/cms-enveloped-data.ts';
import { type CertificateRequest, readRequest } from '../../x509/request.ts';
import type { PkiMessage } from './pki-message.ts';
import type { Registration } from './scep-parts.ts';

/** The longest that opening a message and reading what is in it takes, with room to spare; in milliseconds. */
const everyFailure = 25;

/**
 * The request inside a message. The envelope is not authenticated: whoever has seen another's message can send parts of it
 * again under a key of their own, and learn what is in it from how it fails. So nothing in it counts, and nothing tells one
 * failure from another, neither word nor time, until a request was found that its own key has signed and that fits the
 * signer (`fits`): that none can make out of another's. Throws Fault `algorithm_refused` for what anybody can see, else
 * `signature_invalid`.
 */
export async function openRequest(
  message: PkiMessage,
  options: {
    readonly registration: Registration;
    readonly legacy: boolean;
    readonly clock: Clock;
    readonly fits: (request: CertificateRequest) => boolean;
  },
): Promise<CertificateRequest> {
  const { registration, legacy, clock, fits } = options;
  const { envelope } = message;
  if (!isContentCipher(envelope.cipher) || (contentCiphers[envelope.cipher].legacy && !legacy)) {
    throw new Fault('algorithm_refused', 'A message is encrypted with AES in CBC mode.');
  }
  const recipient = recipientFor(envelope, registration.certificates);
  if (!recipient) {
    throw new Fault(
      'signature_invalid',
      'The message is not encrypted for the registration authority of now. Fetch its certificate again.',
    );
  }
  if (recipient.algorithm !== 'rsaEncryption') {
    throw new Fault(
      'algorithm_refused',
      'The key of a message is encrypted with RSA (PKCS #1 v1.5), as RFC 8894 §3.1 has it.',
    );
  }
  const began = clock.monotonic();
  const request = requestIn(openEnvelopedData(envelope, recipient.encryptedKey, registration.key));
  if (request && fits(request)) return request;
  await wait(Math.max(0, everyFailure - (clock.monotonic() - began)));
  throw new Fault(
    'signature_invalid',
    'The message does not open, or does not hold a request that its signer has made.',
  );
}

function requestIn(plain: Uint8Array | null): CertificateRequest | null {
  try {
    return plain && readRequest(plain);
  } catch {
    return null;
  }
}

/** Whether a first request is for the key that signed the message (RFC 8894 §2.2). */
export function isForSigner({ signer }: PkiMessage): (request: CertificateRequest) => boolean {
  return (request) => equalBytes(request.spki, signer.spki);
}
