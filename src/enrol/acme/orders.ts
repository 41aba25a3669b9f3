import { allowedLife } from '../../ca/leaf-validity.ts';
import { checkNameConstraints } from '../../ca/name-constraints.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomBytes, randomId } from '../../kernel/random.ts';
import { toBase64url } from '../../kernel/bytes.ts';
import { orderingAccount } from './accounts.ts';
import { checkDevices } from './attested-device.ts';
import { type AcmeParts, type AcmeUrls, type Reply, timestamp } from './acme-parts.ts';
import type { AcmeAccountRecord, AcmeAuthorizationRecord, AcmeOrderRecord } from './acme-records.ts';
import { type Identifier, namesOf, readIdentifiers } from './identifier.ts';
import { splitOwnName } from './own-name.ts';
import { readReplaced } from './renewal-info.ts';
import { accountOf, objectOf, type SignedRequest } from './signed-request.ts';

/** How long an order and its authorizations may be acted upon. */
const orderLife = 24 * 60 * 60 * 1000;
/** What one account may ask for. An agent or server needs one certificate at a time. */
const caps = { open: 50, perHour: 300 };

/** Makes an order and what is to be proved for it (RFC 8555 §7.4, RFC 9773 §5). */
export async function newOrder(request: SignedRequest, urls: AcmeUrls, parts: AcmeParts): Promise<Reply> {
  const account = await orderingAccount(request, parts);
  const input = objectOf(request);
  const { ca, orders } = parts;
  const createdAt = ca.clock.now();
  const identifiers = readIdentifiers(input['identifiers']);
  const { own, others } = splitOwnName(identifiers, account, ca.issuer);
  checkGranted(others, account, parts);
  await checkDevices(others, account, parts);
  const notAfter = readEnd(input, account, createdAt);
  const order: AcmeOrderRecord = {
    id: randomId(),
    accountId: account.id,
    status: 'pending',
    identifiers,
    createdAt,
    expiresAt: createdAt + orderLife,
    notAfter,
    replaces: await readReplaced(input['replaces'], { account, identifiers }, parts),
    keyHash: null,
    serial: null,
    problem: null,
  };
  const authorizations = identifiers.map((identifier) =>
    authorizationFor(order, identifier, identifier === own ? 'valid' : 'pending'),
  );
  await orders.add(order, authorizations, caps);
  return {
    status: 201,
    headers: { location: urls.order(order.id) },
    body: await orderResource(order, urls, parts),
  };
}

function authorizationFor(
  order: AcmeOrderRecord,
  identifier: Identifier,
  status: AcmeAuthorizationRecord['status'],
): AcmeAuthorizationRecord {
  return {
    id: randomId(),
    orderId: order.id,
    accountId: order.accountId,
    identifier,
    status,
    expiresAt: order.expiresAt,
    // RFC 8555 §8.3: at least 128 bits; here 256.
    token: toBase64url(randomBytes(32)),
    challenge: null,
    validatedAt: null,
    attestation: null,
    problem: null,
  };
}

/** Holds the identifiers to what the account is bound to and the authority may certify. Throws Fault `identifier_refused`. */
function checkGranted(
  identifiers: readonly Identifier[],
  account: AcmeAccountRecord,
  { ca }: Pick<AcmeParts, 'ca'>,
): void {
  if (identifiers.length === 0) {
    throw new Fault(
      'identifier_refused',
      'An order is for a name that can be proved, not for the name of the account alone.',
    );
  }
  const listed = new Set([...account.dnsNames, ...account.ipAddresses]);
  // An agent's certificate carries no such names: they say where it may be, so they must have been said.
  const limited = listed.size > 0 || account.kind === 'agent';
  const named = identifiers.filter(({ type }) => type === 'dns' || type === 'ip');
  const outside = limited ? named.find(({ value }) => !listed.has(value)) : undefined;
  if (outside) {
    throw new Fault(
      'identifier_refused',
      `${outside.value} is not among the names of the external account key of this account.`,
    );
  }
  if (account.kind === 'agent') return;
  const { issuer } = ca;
  const { dnsNames } = namesOf(identifiers);
  try {
    const { trustDomain } = issuer;
    checkNameConstraints({ commonName: account.name, trustDomain, dnsNames }, issuer.chain);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'invalid_input') throw error;
    throw new Fault('identifier_refused', error.message, { cause: error });
  }
}

/** The end that a certificate is asked to have, or null. Throws Fault `invalid_input`. */
function readEnd(input: JsonObject, { kind }: AcmeAccountRecord, now: number): number | null {
  const { notBefore, notAfter } = input;
  if (notBefore !== undefined) {
    throw new Fault('invalid_input', 'A certificate begins when it is issued: leave notBefore out.');
  }
  if (notAfter === undefined) return null;
  const end = typeof notAfter === 'string' && rfc3339.test(notAfter) ? Date.parse(notAfter) : Number.NaN;
  if (Number.isNaN(end)) throw new Fault('invalid_input', 'notAfter is a time of RFC 3339.');
  allowedLife(kind, end - now);
  return end;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Shows an order to the account it belongs to. */
export async function showOrder(
  request: SignedRequest,
  id: string,
  urls: AcmeUrls,
  parts: AcmeParts,
): Promise<Reply> {
  const order = await orderOf(request, id, parts);
  return orderReply(order, urls, parts);
}

/** The order, where a client may poll it. */
export async function orderReply(order: AcmeOrderRecord, urls: AcmeUrls, parts: AcmeParts): Promise<Reply> {
  const processing = order.status === 'processing';
  return {
    status: 200,
    headers: { location: urls.order(order.id), ...(processing && { 'retry-after': '1' }) },
    body: await orderResource(order, urls, parts),
  };
}

/** An order of the account that signed. Throws Fault `not_found`, and `account_refused` for that of another. */
export async function orderOf(
  request: SignedRequest,
  id: string,
  { orders }: Pick<AcmeParts, 'orders'>,
): Promise<AcmeOrderRecord> {
  const account = accountOf(request);
  const order = await orders.find(id);
  if (!order) throw new Fault('not_found', 'There is no such order.');
  if (order.accountId !== account.id) {
    throw new Fault('account_refused', 'This order belongs to another account.');
  }
  return order;
}

/** What an order is now: one that was not finished in time is invalid. */
export function statusOf(order: AcmeOrderRecord, now: number): AcmeOrderRecord['status'] {
  const open = order.status === 'pending' || order.status === 'ready';
  return open && now >= order.expiresAt ? 'invalid' : order.status;
}

async function orderResource(order: AcmeOrderRecord, urls: AcmeUrls, parts: AcmeParts): Promise<Json> {
  const authorizations = await parts.orders.authorizationsOf(order.id);
  const { id, identifiers, expiresAt, notAfter, replaces, problem, serial } = order;
  return {
    status: statusOf(order, parts.ca.clock.now()),
    expires: timestamp(expiresAt),
    identifiers: identifiers.map(({ type, value }) => ({ type, value })),
    authorizations: authorizations.map((one) => urls.authorization(one.id)),
    finalize: urls.finalize(id),
    ...(notAfter !== null && { notAfter: timestamp(notAfter) }),
    ...(replaces !== null && { replaces }),
    ...(problem !== null && { error: problem }),
    ...(serial !== null && { certificate: urls.certificate(id) }),
  };
}
