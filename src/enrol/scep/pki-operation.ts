import { Fault, toFault } from '../../kernel/fault.ts';
import { type ContentCipher, isContentCipher } from '../../x509/cms-enveloped-data.ts';
import { crlOnly } from '../../x509/certs-only.ts';
import { isTellable, writeFailure, writePending, writeSuccess } from './cert-rep.ts';
import { enrol, poll, transactionHash } from './enrol.ts';
import { type Asked, type MessageType, type PkiMessage, readPkiMessage } from './pki-message.ts';
import type { ScepParts } from './scep-parts.ts';

/** A CRL that is larger is fetched where it is published: a stranger can ask for it as often as for a small one. */
const greatestCrl = 1024 * 1024;

/**
 * What each message is answered with. What a CertPoll, GetCert or GetCRL encrypts is not opened: transaction and signer say
 * which certificate, the authority has one CRL, and what is never opened tells nobody anything about itself.
 */
const contents: Readonly<
  Record<MessageType, (message: PkiMessage, address: string, parts: ScepParts) => Promise<Uint8Array>>
> = {
  PKCSReq: enrol,
  RenewalReq: enrol,
  CertPoll: poll,
  async GetCRL(_message, _address, { crl }) {
    const der = crl();
    if (der.length <= greatestCrl) return crlOnly(der);
    throw new Fault('denied', 'The CRL is too large for SCEP; fetch it where the certificate says.');
  },
  async GetCert() {
    throw new Fault('denied', 'Certificates are not given out by serial.');
  },
};

/**
 * Answers one pkiMessage with a CertRep (RFC 8894 §3.3). Throws Fault `request_invalid` or `too_large` for what is none,
 * and whatever is our affair and not the client's, such as `unavailable`.
 */
export async function pkiOperation(
  octets: Uint8Array,
  address: string,
  parts: ScepParts,
): Promise<Uint8Array> {
  const { asked, message } = readPkiMessage(octets, parts.legacy);
  const registration = parts.registration();
  if (message instanceof Fault) return await refuse(asked, message, address, parts);
  try {
    const content = await contents[message.messageType](message, address, parts);
    const to = { recipient: message.signer, cipher: cipherFor(message, parts) };
    return writeSuccess(asked, content, to, registration);
  } catch (error) {
    const fault = toFault(error);
    if (fault.code !== 'approval_pending') return await refuse(asked, fault, address, parts);
    if (message.messageType !== 'CertPoll') await keepWaiting(message, octets, parts);
    return writePending(asked, registration);
  }
}

/** The longest that a request waits for an administrator, in milliseconds. */
const longestWait = 7 * 24 * 60 * 60_000;

/** Who asks what came of it does not send the request again (RFC 8894 §3.3.3), so it is kept: sealed, as it came. */
async function keepWaiting(
  message: PkiMessage,
  octets: Uint8Array,
  { transactions, ca }: ScepParts,
): Promise<void> {
  const now = ca.clock.now();
  await transactions.keep({ hash: transactionHash(message), octets, endsAt: now + longestWait }, now);
}

async function refuse(asked: Asked, fault: Fault, address: string, parts: ScepParts): Promise<Uint8Array> {
  if (!isTellable(fault)) throw fault;
  const { transactionId } = asked;
  await parts.strangers.record({
    type: 'scep.refused',
    transactionId,
    address,
    code: fault.code,
    reason: fault.message,
  });
  return writeFailure(asked, fault, parts.registration());
}

/** The client's own, as far as it is one that is answered with. */
function cipherFor({ envelope: { cipher } }: PkiMessage, { legacy }: ScepParts): ContentCipher {
  if (!isContentCipher(cipher)) return 'aes128-CBC';
  if (cipher === 'aes128-CBC' || cipher === 'aes192-CBC' || cipher === 'aes256-CBC') return cipher;
  return legacy ? 'des-EDE3-CBC' : 'aes128-CBC';
}
