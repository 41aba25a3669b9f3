import type { HardwareKey } from '../../ca/evidence.ts';
import { fromBase64url, sha256Base64url } from '../../kernel/bytes.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { CertificateRequest } from '../../x509/request.ts';
import { type AttestationRules, makersFor, mayShow } from '../attest/attestation-rules.ts';
import { type Attestation, verifyAttestation } from '../attest/verify-attestation.ts';
import type { AcmeParts } from './acme-parts.ts';
import { acmeProblemOf, problem } from './acme-problem.ts';
import type { AcmeAccountRecord, AcmeAuthorizationRecord, AcmeOrderRecord } from './acme-records.ts';
import { devicesOf, type Identifier, nameOf } from './identifier.ts';
import { accountOf, objectOf, type SignedRequest } from './signed-request.ts';

/**
 * Holds the devices among identifiers to what is on record for the account. Throws Fault `identifier_unsupported` while
 * nobody vouches for devices, `identifier_refused`.
 */
export async function checkDevices(
  identifiers: readonly Identifier[],
  { kind, name }: AcmeAccountRecord,
  { attestations, subjects }: Pick<AcmeParts, 'attestations' | 'subjects'>,
): Promise<AttestationRules | null> {
  const devices = devicesOf(identifiers);
  if (devices.length === 0) return null;
  const rules = await attestations.rules();
  if (!rules) {
    throw new Fault('identifier_unsupported', 'Devices are not identifiers here: nobody vouches for any.');
  }
  const shower = { kind, name, device: await subjects.device(kind, name) };
  const other = devices.find((one) => !mayShow(shower, one, rules));
  if (!other) return rules;
  throw new Fault(
    'identifier_refused',
    `${other.value} is not the device that is on record for the ${kind} ${name}, and no rule allows it.`,
  );
}

/**
 * Looks at what a device sent for device-attest-01, once, and settles the challenge before it is answered. Throws Fault
 * `attestation_refused`, `invalid_input` for what is no answer at all, `unavailable`.
 */
export async function settleAttestation(
  request: SignedRequest,
  authorization: AcmeAuthorizationRecord,
  parts: AcmeParts,
): Promise<void> {
  const { orders, ca } = parts;
  const object = readAttestationObject(objectOf(request)['attObj']);
  // Of many answers the first is looked at: a token is good for one statement.
  if (!(await orders.choose(authorization.id, 'device-attest-01', ca.clock.now()))) return;
  const { id, orderId: order, accountId: account } = authorization;
  const facts = {
    account,
    order,
    identifier: nameOf(authorization.identifier),
    challenge: 'device-attest-01',
  };
  try {
    const attestation = await attested(object, authorization, request, parts);
    const { format, maker, keyHash } = attestation;
    // The log knows of a proof before anything rests on it.
    await ca.audit.append({ type: 'acme-challenge.validated', ...facts, format, maker, keyHash });
    await orders.settle(id, { at: ca.clock.now(), attestation });
  } catch (error) {
    const fault = toFault(error);
    if (fault.code === 'audit_unwritable') throw error;
    const { type, detail } = acmeProblemOf(fault).body;
    const refuted = { type: type ?? problem('serverInternal', '')['type'] ?? '', detail: detail ?? '' };
    await ca.audit.append({ type: 'acme-challenge.failed', ...facts, problem: refuted });
    await orders.settle(id, { problem: refuted });
    throw error;
  }
}

async function attested(
  object: Uint8Array,
  { identifier, token }: AcmeAuthorizationRecord,
  request: SignedRequest,
  parts: AcmeParts,
): Promise<Attestation> {
  const account = accountOf(request);
  const rules = await checkDevices([identifier], account, parts);
  const [device] = devicesOf([identifier]);
  if (!rules || !device) throw new Fault('internal', 'There is no device to look at.');
  const challenge = { token, keyAuthorization: `${token}.${account.thumbprint}` };
  const { chains } = parts.attestations;
  return await verifyAttestation(object, { challenge, device, at: parts.ca.clock.now() }, { rules, chains });
}

function readAttestationObject(value: Json | undefined): Uint8Array {
  const object = typeof value === 'string' ? fromBase64url(value) : null;
  if (object && object.length > 0) return object;
  throw new Fault(
    'invalid_input',
    'This challenge is answered with attObj, an attestation object in base64url.',
  );
}

/**
 * A certificate for a device is for the key that the device attested, while that device and the word of its maker still
 * count: the hardware that it is in, or null when the order is for no device. Throws Fault `request_invalid`, `identifier_refused`, `identifier_unsupported`.
 */
export async function requireAttestedKey(
  order: AcmeOrderRecord,
  { spki }: Pick<CertificateRequest, 'spki'>,
  account: AcmeAccountRecord,
  parts: AcmeParts,
): Promise<HardwareKey | null> {
  const rules = await checkDevices(order.identifiers, account, parts);
  if (!rules) return null;
  const keyHash = sha256Base64url(spki);
  let found: HardwareKey | null = null;
  for (const { identifier, attestation } of await parts.orders.authorizationsOf(order.id)) {
    const [device] = devicesOf([identifier]);
    if (!device) continue;
    if (attestation?.keyHash !== keyHash) {
      throw new Fault('request_invalid', 'The request is for another key than the device attested.');
    }
    if (!makersFor(device, attestation.format, rules).some(({ name }) => name === attestation.maker)) {
      throw new Fault('identifier_refused', `The word of ${attestation.maker} does not count any more.`);
    }
    found = { format: attestation.format, maker: attestation.maker, device: device.value };
  }
  return found;
}
