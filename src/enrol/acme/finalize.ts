import { certify } from '../../ca/certify.ts';
import type { Evidence, HardwareKey } from '../../ca/evidence.ts';
import { problemStatus } from '../../http/problem.ts';
import { equalBytes, fromBase64url, sha256Base64url } from '../../kernel/bytes.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { spkiOf } from '../../x509/build-certificate.ts';
import { readElement } from '../../x509/der-reader.ts';
import { type CertificateRequest, type OtherNameFilter, readRequest } from '../../x509/request.ts';
import { type DeviceName, readDeviceName } from '../attest/device-name.ts';
import { deliver } from '../delivery.ts';
import type { AccountKey } from './account-key.ts';
import { orderingAccount } from './accounts.ts';
import { requireAttestedKey } from './attested-device.ts';
import type { AcmeParts, AcmeUrls, Reply } from './acme-parts.ts';
import { acmeProblemOf, problem } from './acme-problem.ts';
import type { AcmeAccountRecord, AcmeOrderRecord } from './acme-records.ts';
import { devicesOf, nameOf, namesOf } from './identifier.ts';
import { type SplitIdentifiers, splitOwnName } from './own-name.ts';
import { orderOf, orderReply, statusOf } from './orders.ts';
import { serialOf } from './renewal-info.ts';
import { objectOf, type SignedRequest } from './signed-request.ts';

/**
 * Has the certificate of a ready order issued (RFC 8555 §7.4). `ready` → `processing` is one conditional step, so of
 * many requests one issues; the certificate is on record before the order names it, so a crash in between loses
 * nothing: `recoverOrders` finds it by its key.
 */
export async function finalize(
  request: SignedRequest,
  id: string,
  urls: AcmeUrls,
  parts: AcmeParts,
): Promise<Reply> {
  const { ca, orders } = parts;
  const order = await orderOf(request, id, parts);
  const account = await orderingAccount(request, parts);
  requireReady(statusOf(order, ca.clock.now()));
  const csr = readOrderedRequest(
    objectOf(request)['csr'],
    splitOwnName(order.identifiers, account, ca.issuer),
    {
      name: account.name,
      accountKey: request.key,
    },
  );
  const hardware = await requireAttestedKey(order, csr, account, parts);
  if (!(await orders.begin(id, sha256Base64url(csr.spki), ca.clock.now()))) requireReady('processing');
  const serial = await issueFor({ order, csr, hardware }, account, parts);
  await orders.complete(id, serial);
  await ca.audit.append({
    type: 'acme-order.finalized',
    order: id,
    account: account.id,
    serial,
    identifiers: order.identifiers.map(nameOf),
  });
  return orderReply({ ...order, status: 'valid', serial }, urls, parts);
}

function requireReady(status: AcmeOrderRecord['status']): void {
  if (status !== 'ready') throw new Fault('order_not_ready', `The order is ${status}, not ready.`);
}

/** An order, the request for it, and the hardware that its key is in. */
interface ReadyOrder {
  readonly order: AcmeOrderRecord;
  readonly csr: CertificateRequest;
  readonly hardware: HardwareKey | null;
}

/** Issues, or leaves the order ready when the failure was ours and invalid when it was refused. */
async function issueFor(
  { order, csr, hardware }: ReadyOrder,
  account: AcmeAccountRecord,
  parts: AcmeParts,
): Promise<string> {
  const { ca, orders } = parts;
  try {
    const evidence = { ...(await evidenceOf(order, account, parts)), hardware };
    const requestedLife = order.notAfter === null ? null : order.notAfter - ca.clock.now();
    const asked = { ...csr, commonName: null, ...evidenceNames(evidence) };
    const certificate = await certify({ request: asked, evidence, requestedLife }, ca);
    return certificate.serial;
  } catch (error) {
    const fault = toFault(error);
    if (problemStatus[fault.code] >= 500) await orders.putBack(order.id);
    else await orders.fail(order.id, acmeProblemOf(fault).body);
    throw error;
  }
}

/** What the order proves: for a server its names; where an agent is does not stand in its certificate. */
async function evidenceOf(
  order: AcmeOrderRecord,
  account: AcmeAccountRecord,
  { ca }: Pick<AcmeParts, 'ca'>,
): Promise<Evidence> {
  const { kind, name, createdBy } = account;
  const { others } = splitOwnName(order.identifiers, account, ca.issuer);
  const names = kind === 'server' ? namesOf(others) : { dnsNames: [], ipAddresses: [] };
  const replaced = order.replaces === null ? null : serialOf(order.replaces);
  const record = replaced === null ? null : await ca.records.find(replaced);
  // A revoked certificate is replaced by a new proof, not continued.
  const replaces = record?.state === 'issued' ? record.serial : null;
  return { door: 'acme', name, kind, owner: createdBy, ...names, replaces };
}

function evidenceNames({ dnsNames, ipAddresses }: Evidence): Pick<Evidence, 'dnsNames' | 'ipAddresses'> {
  return { dnsNames, ipAddresses };
}

/** The request, once it asks for the identifiers of the order and for nothing else. Throws Fault `request_invalid`. */
function readOrderedRequest(
  value: unknown,
  { own, others }: SplitIdentifiers,
  { name, accountKey }: { readonly name: string; readonly accountKey: AccountKey },
): CertificateRequest {
  const der = typeof value === 'string' ? fromBase64url(value) : null;
  if (!der) throw new Fault('request_invalid', 'csr is the DER of a certificate request, in base64url.');
  const devices = devicesOf(others);
  const csr = readAcmeRequest(der, (name) => names(devices, name));
  const { dnsNames, ipAddresses } = namesOf(others);
  const wanted = [...dnsNames, ...ipAddresses];
  const common = csr.commonName?.toLowerCase() ?? null;
  const isDevice = devices.some(({ value: device }) => device === csr.commonName);
  if (common !== null && common !== name && !wanted.includes(common) && !isDevice) {
    throw new Fault('request_invalid', 'The common name of the request is not an identifier of the order.');
  }
  // RFC 8555 §7.4: the names stand in the common name or among the alternative names.
  const asked = new Set([
    ...csr.dnsNames.map((one) => one.toLowerCase()),
    ...csr.ipAddresses,
    ...(common !== null && wanted.includes(common) ? [common] : []),
  ]);
  if (own) asked.delete(own.value);
  if (asked.size !== wanted.length || wanted.some((one) => !asked.has(one))) {
    const names =
      wanted.length === 0 ? 'no DNS name and no IP address' : `${wanted.join(', ')} and nothing else`;
    throw new Fault('request_invalid', `The request must be for ${names}.`);
  }
  // RFC 8555 §11.1.
  if (equalBytes(spkiOf(accountKey.publicKey), csr.spki)) {
    throw new Fault('request_invalid', 'The request is for the key of the account. Make another key.');
  }
  return csr;
}

/** Whether an otherName of a request is a device of its order (draft-ietf-acme-device-attest §3.2). */
function names(devices: readonly DeviceName[], otherName: Uint8Array): boolean {
  const named = readDeviceName(readElement(otherName));
  return devices.some(({ type, value }) => type === named?.type && value === named.value);
}

function readAcmeRequest(der: Uint8Array, accepts: OtherNameFilter): CertificateRequest {
  try {
    return readRequest(der, accepts);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault('request_invalid', error.message, { cause: error });
  }
}

/** The chain of a valid order: leaf, then intermediate (RFC 8555 §7.4.2). */
export async function downloadCertificate(
  request: SignedRequest,
  id: string,
  parts: AcmeParts,
): Promise<Reply> {
  const { ca } = parts;
  const order = await orderOf(request, id, parts);
  const record = order.serial === null ? null : await ca.records.find(order.serial);
  if (!record?.der) throw new Fault('not_found', 'The order has no certificate.');
  return { status: 200, chain: deliver(readCertificate(record.der), ca).certificate };
}

/**
 * Settles orders that a stopped process left `processing`: one whose certificate is on record is valid, another is
 * invalid: all of them at a start, after `recoverIssuance`, and `only` those that were left behind beside other authorities.
 */
export async function recoverOrders(
  { ca, orders, accounts }: AcmeParts,
  only?: ReadonlySet<string>,
): Promise<void> {
  for (const order of await orders.processing()) {
    if (only?.has(order.id) === false) continue;
    const account = await accounts.find(order.accountId);
    const issued = account ? await ca.records.list({ name: account.name, state: 'issued' }) : [];
    const own = issued.find(
      ({ door, der, reservedAt }) =>
        door === 'acme' &&
        reservedAt >= order.createdAt &&
        der !== null &&
        sha256Base64url(readCertificate(der).spki) === order.keyHash,
    );
    if (own) await orders.complete(order.id, own.serial);
    else
      await orders.fail(order.id, problem('serverInternal', 'The authority stopped before it had issued.'));
  }
}
