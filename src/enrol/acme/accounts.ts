import { isJsonArray, type Json } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { readAccountKey } from './account-key.ts';
import { type AcmeParts, type AcmeUrls, type Reply, requireActive } from './acme-parts.ts';
import { acmeProblemOf } from './acme-problem.ts';
import type { AcmeAccountRecord } from './acme-records.ts';
import { drawId } from './draw-id.ts';
import { readBinding } from './external-account.ts';
import { readJws, verifyJws } from './jws.ts';
import { accountOf, objectOf, type SignedRequest } from './signed-request.ts';

/** Opens an account, or finds the one that the key has (RFC 8555 §7.3). */
export async function newAccount(
  request: SignedRequest,
  urls: AcmeUrls,
  parts: AcmeParts,
  address: string,
): Promise<Reply> {
  const input = objectOf(request);
  const existing = await parts.accounts.findByThumbprint(request.key.thumbprint);
  if (existing) return found(existing, urls);
  if (input['onlyReturnExisting'] === true) {
    throw new Fault('account_unknown', 'This key has no account.');
  }
  const contact = readContact(input['contact']);
  const { externalAccountBinding: binding } = input;
  if (binding === undefined) {
    throw new Fault(
      'binding_required',
      'An account is opened with a key from an administrator: countersign acme-key create.',
    );
  }
  return await opened({ request, binding, contact, address }, urls, parts);
}

async function opened(
  order: {
    readonly request: SignedRequest;
    readonly binding: Json;
    readonly contact: readonly string[];
    readonly address: string;
  },
  urls: AcmeUrls,
  parts: AcmeParts,
): Promise<Reply> {
  const { key, url } = order.request;
  const { accounts, ca, secrets, strangers } = parts;
  try {
    const keyId = readBinding(order.binding, { url, key, secrets });
    const { thumbprint, jwk } = key;
    const asked = { id: drawId(), thumbprint, jwk, contact: order.contact, keyId };
    const account = await accounts.open(asked, ca.clock.now());
    if (!account) {
      throw new Fault(
        'binding_refused',
        'The external account key is unknown, was used or is over. Ask an administrator for a new one.',
      );
    }
    const { id, kind, name, createdBy } = account;
    const { address } = order;
    await ca.audit.append({ type: 'acme-account.created', id, keyId, kind, name, createdBy, address });
    return { status: 201, headers: { location: urls.account(id) }, body: resourceOf(account, urls) };
  } catch (error) {
    const { code, message: reason } = toFault(error);
    if (code === 'binding_refused') {
      await strangers.record({ type: 'acme-account.refused', address: order.address, reason });
    }
    // Two requests with one key at once: the other one opened the account.
    const other = code === 'conflict' ? await accounts.findByThumbprint(key.thumbprint) : null;
    if (other) return found(other, urls);
    throw error;
  }
}

function found(account: AcmeAccountRecord, urls: AcmeUrls): Reply {
  if (account.status !== 'valid') {
    throw new Fault('account_refused', `The account of this key is ${account.status}.`);
  }
  return { status: 200, headers: { location: urls.account(account.id) }, body: resourceOf(account, urls) };
}

/** Shows, changes or deactivates an account (RFC 8555 §7.3.2, §7.3.6). */
export async function updateAccount(
  request: SignedRequest,
  urls: AcmeUrls,
  parts: AcmeParts,
): Promise<Reply> {
  const account = accountOf(request);
  if (request.payload === null) return { status: 200, body: resourceOf(account, urls) };
  const input = objectOf(request);
  const { accounts, ca } = parts;
  const { id, kind, name } = account;
  if (input['status'] !== undefined && input['status'] !== 'deactivated') {
    throw new Fault('invalid_input', 'An account can be given the status deactivated, and no other.');
  }
  if (input['status'] === 'deactivated') {
    await accounts.close(id, 'deactivated');
    await ca.audit.append({ type: 'acme-account.changed', id, kind, name, status: 'deactivated', actor: id });
    return { status: 200, body: resourceOf({ ...account, status: 'deactivated' }, urls) };
  }
  if (input['contact'] === undefined) return { status: 200, body: resourceOf(account, urls) };
  const contact = readContact(input['contact']);
  await accounts.setContact(id, contact);
  await ca.audit.append({ type: 'acme-account.changed', id, kind, name, contact, actor: id });
  return { status: 200, body: resourceOf({ ...account, contact }, urls) };
}

/** Gives an account another key (RFC 8555 §7.3.5): the old one signs outside, the new one inside. */
export async function keyChange(request: SignedRequest, urls: AcmeUrls, parts: AcmeParts): Promise<Reply> {
  const account = accountOf(request);
  const inner = readJws(objectOf(request));
  const { jwk, url, kid, nonce } = inner.header;
  if (kid !== undefined || nonce !== undefined || url !== request.url) {
    throw new Fault(
      'invalid_input',
      'The inner request names the new key as jwk, the same URL, and no nonce.',
    );
  }
  const key = readAccountKey(jwk);
  verifyJws(inner, key);
  const payload = objectOf({ ...request, payload: parseJson(inner.payload) });
  if (payload['account'] !== urls.account(account.id)) {
    throw new Fault('invalid_input', 'The inner request names another account.');
  }
  if (readAccountKey(payload['oldKey']).thumbprint !== account.thumbprint) {
    throw new Fault('invalid_input', 'The old key in the inner request is not that of the account.');
  }
  const { accounts, ca } = parts;
  const other = await accounts.findByThumbprint(key.thumbprint);
  if (other) return taken(other, urls);
  await accounts.changeKey(account.id, account.thumbprint, key);
  const { id, kind, name } = account;
  const { thumbprint } = key;
  await ca.audit.append({ type: 'acme-account.changed', id, kind, name, thumbprint, actor: id });
  return { status: 200, body: resourceOf(account, urls) };
}

/** RFC 8555 §7.3.5: a key that has an account stays with it, and the answer says with which. */
function taken(other: AcmeAccountRecord, urls: AcmeUrls): Reply {
  const { status, body } = acmeProblemOf(new Fault('conflict', 'The new key has an account already.'));
  return { status, headers: { location: urls.account(other.id) }, body };
}

/** The orders of an account that are of use, newest first (RFC 8555 §7.1.2.1). */
export async function listOrders(request: SignedRequest, urls: AcmeUrls, parts: AcmeParts): Promise<Reply> {
  const account = accountOf(request);
  const orders = await parts.orders.listOf(account.id, 100);
  const useful = orders.filter(({ status }) => status !== 'invalid');
  return { status: 200, body: { orders: useful.map(({ id }) => urls.order(id)) } };
}

/** An account that may order now. Throws Fault `account_refused`. */
export async function orderingAccount(request: SignedRequest, parts: AcmeParts): Promise<AcmeAccountRecord> {
  const account = accountOf(request);
  await requireActive(account, parts.subjects);
  return account;
}

function resourceOf(account: AcmeAccountRecord, urls: AcmeUrls): Json {
  const { id, status, contact } = account;
  return { status, contact: [...contact], termsOfServiceAgreed: true, orders: urls.orders(id) };
}

const mailAddress = /^mailto:[A-Za-z0-9.!#$&'*+/=^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$/;

/** Contacts are shown to administrators and never written to by us. Throws Fault `contact_refused`, `invalid_input`. */
function readContact(value: Json | undefined): readonly string[] {
  if (value === undefined) return [];
  if (!isJsonArray(value) || value.length > 5) {
    throw new Fault('invalid_input', 'contact is a list of at most five URLs.');
  }
  return value.map((one) => {
    // RFC 8555 §7.3: no header fields, one address.
    if (typeof one === 'string' && mailAddress.test(one)) return one;
    throw new Fault('contact_refused', 'A contact is one mail address, mailto:name@example.internal.');
  });
}
