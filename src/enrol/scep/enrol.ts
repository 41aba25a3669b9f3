import { certify } from '../../ca/certify.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { renew } from '../../ca/renew.ts';
import { renewalWindow } from '../../ca/renewal-window.ts';
import { equalBytes, sha256Base64url, toHex } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { certsOnly } from '../../x509/certs-only.ts';
import { readChallengePassword } from '../../x509/challenge-password.ts';
import type { KeyCertificate } from '../../x509/cms-signer.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import type { CertificateRequest } from '../../x509/request.ts';
import { isForSigner, openRequest } from './open-request.ts';
import { type PkiMessage, readPkiMessage } from './pki-message.ts';
import type { ScepParts } from './scep-parts.ts';
import type { ScepTransaction } from './scep-transactions.ts';

/**
 * A first certificate, or the next one: which of them, the certificate decides that signed the message. One of ours renews,
 * whatever the message calls itself, since some clients know one type only; any other must be for the key that is asked for
 * and needs a challenge. Gives the certificates for the answer. Throws what opening the request, the challenge, `certify`
 * and `renew` throw.
 */
export async function enrol(message: PkiMessage, address: string, parts: ScepParts): Promise<Uint8Array> {
  const held = await heldBy(message.signer, parts);
  if (!held && message.messageType === 'RenewalReq') {
    throw new Fault('certificate_unknown', 'A renewal is signed with a certificate of this authority.');
  }
  const request = await openRequest(message, {
    registration: parts.registration(),
    legacy: parts.legacy,
    clock: parts.ca.clock,
    fits: held ? () => true : isForSigner(message),
  });
  if (!held) return await once(message, request, parts, () => certified(message, request, address, parts));
  const renewed = (): Promise<Certificate> =>
    renew({ current: held, request, grace: parts.renewalGrace }, parts.ca);
  // What was revoked meanwhile is told nothing again; and the old key again is no message that comes twice.
  if (held.state !== 'issued' || isForSigner(message)(request))
    return answerWith((await renewed()).der, parts);
  return await once(message, request, parts, renewed);
}

/**
 * What a transaction came to. A message that waits is looked at again, as if it came again. Throws Fault `not_found` when it
 * came to nothing, or what `enrol` throws.
 */
export async function poll(message: PkiMessage, address: string, parts: ScepParts): Promise<Uint8Array> {
  const hash = transactionHash(message);
  const known = await settled(hash, null, parts);
  if (known) return answerWith(known, parts);
  const kept = await parts.transactions.waiting(hash, parts.ca.clock.now());
  const again = kept && readPkiMessage(kept.octets, parts.legacy).message;
  if (again && !(again instanceof Fault)) return await enrol(again, address, parts);
  throw new Fault('not_found', 'No certificate came of this transaction, and none is waited for.');
}

const renewableKinds: readonly LeafKind[] = ['agent', 'server', 'gateway', 'admin'];

/** The record of a certificate of ours, octet by octet, that may be renewed here. */
async function heldBy({ der, serial }: KeyCertificate, { ca }: ScepParts): Promise<CertificateRecord | null> {
  const magnitude = serial[0] === 0 ? serial.subarray(1) : serial;
  const record = await ca.records.find(toHex(magnitude));
  if (!record?.der || !equalBytes(record.der, der)) return null;
  if (renewableKinds.includes(record.kind)) return record;
  throw new Fault('renewal_refused', `A certificate of kind ${record.kind} is not renewed here.`);
}

async function certified(
  { transactionId }: PkiMessage,
  request: CertificateRequest,
  address: string,
  { ca, challenges }: ScepParts,
): Promise<Certificate> {
  const challenge = challengeIn(request);
  const { evidence, agents, useUp } = await challenges({ transactionId, request, challenge, address });
  return await certify({ request, evidence, requestedLife: null }, { ...ca, agents }, useUp);
}

function challengeIn({ der }: CertificateRequest): string | null {
  try {
    return readChallengePassword(der);
  } catch (cause) {
    throw new Fault('request_invalid', 'The challenge password of the request cannot be read.', { cause });
  }
}

/**
 * The same transaction, key and signer get the same certificate again, until it is time for the next: a client that did
 * not hear the answer asks again, with a challenge that was used up.
 */
async function once(
  message: PkiMessage,
  request: CertificateRequest,
  parts: ScepParts,
  issue: () => Promise<Certificate>,
): Promise<Uint8Array> {
  const { running, transactions, ca } = parts;
  const hash = transactionHash(message);
  const keyHash = sha256Base64url(request.spki);
  const name = `${hash} ${keyHash}`;
  const begin = async (): Promise<Uint8Array> => {
    const known = await settled(hash, keyHash, parts);
    if (known) return answerWith(known, parts);
    const certificate = await issue();
    const { serial } = certificate;
    await transactions.put(
      { hash, keyHash, serial, endsAt: renewalWindow(certificate).start },
      ca.clock.now(),
    );
    return answerWith(certificate.der, parts);
  };
  const under = running.get(name) ?? begin().finally(() => running.delete(name));
  running.set(name, under);
  return await under;
}

/** The certificate that a transaction came to, while it is in force. */
async function settled(
  hash: string,
  keyHash: string | null,
  { transactions, ca }: ScepParts,
): Promise<Uint8Array | null> {
  const found: ScepTransaction | null = await transactions.find(hash, ca.clock.now());
  if (!found || (keyHash !== null && found.keyHash !== keyHash)) return null;
  const record = await ca.records.find(found.serial);
  return record?.state === 'issued' ? record.der : null;
}

/** Whoever knows a transaction's identifier, which is no secret, has no part in it without the key that began it. */
export function transactionHash({
  transactionId,
  signer,
}: Pick<PkiMessage, 'transactionId' | 'signer'>): string {
  return sha256Base64url(`${sha256Base64url(signer.spki)} ${transactionId}`);
}

/** RFC 8894 §3.3.2.1: the certificate that was issued first; what leads from it to the root may follow. */
function answerWith(leaf: Uint8Array, { ca }: ScepParts): Uint8Array {
  const { authorityKeyId } = readCertificate(leaf);
  const above = ca.issuers().find(({ certificate }) => certificate.subjectKeyId === authorityKeyId);
  return certsOnly([leaf, (above ?? ca.issuer).certificate.der]);
}
