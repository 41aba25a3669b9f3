import { concat } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomBytes } from '../../kernel/random.ts';
import { sequence, unsignedInteger } from '../../x509/der.ts';
import type { ModuleProcess } from './module-process.ts';
import type { Pkcs11Reference } from './reference.ts';
import { type Attribute, calls } from './rpc-message.ts';

/** A session on the token, logged in. */
export interface TokenSession {
  readonly module: ModuleProcess;
  readonly session: number;
}

/** A private key of the token and what is known of it. */
export interface TokenKey {
  readonly handle: number;
  readonly id: Uint8Array;
  /** SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly notes: readonly string[];
}

// PKCS #11 v3.1 §3, §4 and §6.3.
const serialSession = 0x4;
const readWriteSession = 0x2;
const user = 1;
const ecdsa = 0x1041;
const ecKeyPairGeneration = 0x1040;
const ecKey = 3;
const publicKeyClass = 2;
const privateKeyClass = 3;
const cka = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  sign: 0x108,
  verify: 0x10a,
  extractable: 0x162,
  neverExtractable: 0x164,
  parameters: 0x180,
  point: 0x181,
} as const;
const prime256v1 = Buffer.from('06082a8648ce3d030107', 'hex');

/** Opens a session on the one token that the reference names and logs in. Throws Fault `not_found`, CryptokiError. */
export async function logIn(
  module: ModuleProcess,
  reference: Pkcs11Reference,
  pin: string,
): Promise<TokenSession> {
  const slot = await findSlot(module, reference);
  const opened = await module.call(calls.openSession, (request) =>
    request.number(slot).number(serialSession | readWriteSession),
  );
  const session = opened.number();
  await module.call(calls.login, (request) => request.number(session).number(user).octets(Buffer.from(pin)));
  return { module, session };
}

/** The PIN is given to this token alone: a wrong one counts against the token that it is tried on. */
async function findSlot(module: ModuleProcess, reference: Pkcs11Reference): Promise<number> {
  const answer = await module.call(calls.getSlotList, (request) => request.octet(1).room(256));
  const slots = answer.numbers();
  const seen: string[] = [];
  const fitting: number[] = [];
  for (const slot of slots) {
    const info = await module.call(calls.getTokenInfo, (request) => request.number(slot));
    const [label, manufacturer, model, serial] = [info.text(), info.text(), info.text(), info.text()];
    const found = { token: label, manufacturer, model, serial };
    seen.push(label);
    const fits = (['token', 'manufacturer', 'model', 'serial'] as const).every(
      (name) => reference[name] === null || reference[name] === found[name],
    );
    if (fits) fitting.push(slot);
  }
  const [slot] = fitting;
  if (slot === undefined) {
    const there = seen.filter((label) => label !== '');
    throw new Fault(
      'not_found',
      `There is no token ${reference.token} in ${reference.modulePath}${there.length === 0 ? '' : `; there are ${there.join(', ')}`}. Is the device connected, and the library configured?`,
    );
  }
  if (fitting.length === 1) return slot;
  throw new Fault(
    'key_refused',
    `More than one token is called ${reference.token}. Add serial= to the reference.`,
  );
}

/**
 * The private key that the reference names, or null when there is none. Throws Fault `key_refused` when there are more,
 * or it is not one that signs with P-256.
 */
export async function findKey(token: TokenSession, reference: Pkcs11Reference): Promise<TokenKey | null> {
  const { object, id } = reference;
  const found = await findObjects(token, [
    { type: cka.class, value: privateKeyClass },
    ...(object === null ? [] : [{ type: cka.label, value: object }]),
    ...(id === null ? [] : [{ type: cka.id, value: id }]),
  ]);
  const [handle] = found;
  if (handle === undefined) return null;
  const where = `The key ${object ?? 'of that id'} on token ${reference.token}`;
  if (found.length > 1) {
    throw new Fault('key_refused', `${where} is there ${found.length} times. Add id= to the reference.`);
  }
  const attributes = await readAttributes(token, handle);
  if (attributes.get(cka.keyType) !== ecKey || attributes.get(cka.sign) !== 1) {
    throw new Fault('key_refused', `${where} is not an elliptic-curve key that may sign.`);
  }
  const keyId = attributes.get(cka.id);
  const known = keyId instanceof Uint8Array ? keyId : new Uint8Array();
  return {
    handle,
    id: known,
    spki: await publicKeyOf(token, where, known, object),
    notes:
      attributes.get(cka.extractable) === 0
        ? attributes.get(cka.neverExtractable) === 0
          ? [
              `${where} was once one that could be taken out, or was brought there. A key made there anew was not.`,
            ]
          : []
        : [`${where} can be taken out of the token (CKA_EXTRACTABLE). A key made anew cannot.`],
  };
}

/** Makes a P-256 key pair on the token that never leaves it. */
export async function generateKey(
  { module, session }: TokenSession,
  reference: Pkcs11Reference,
): Promise<void> {
  const named: readonly Attribute[] = [
    { type: cka.token, value: true },
    { type: cka.label, value: reference.object ?? '' },
    { type: cka.id, value: reference.id ?? randomBytes(8) },
  ];
  await module.call(calls.generateKeyPair, (request) =>
    request
      .number(session)
      .mechanism(ecKeyPairGeneration)
      .attributes([
        ...named,
        { type: cka.parameters, value: prime256v1 },
        { type: cka.verify, value: true },
        { type: cka.private, value: false },
      ])
      .attributes([
        ...named,
        { type: cka.sign, value: true },
        { type: cka.private, value: true },
        { type: cka.sensitive, value: true },
        { type: cka.extractable, value: false },
      ]),
  );
}

/** An ECDSA signature over a digest, in DER. Throws CryptokiError, Fault `key_refused`. */
export async function signDigest(
  { module, session }: TokenSession,
  handle: number,
  digest: Uint8Array,
): Promise<Uint8Array> {
  // Both are written at once; the library takes them in this order, and others wait behind.
  const begun = module.call(calls.signInit, (request) =>
    request.number(session).mechanism(ecdsa).number(handle),
  );
  const signed = module.call(calls.sign, (request) => request.number(session).octets(digest).room(256));
  const [start, end] = await Promise.allSettled([begun, signed]);
  if (start.status === 'rejected') throw start.reason;
  if (end.status === 'rejected') throw end.reason;
  const raw = end.value.octets();
  if (raw?.length !== 64)
    throw new Fault('key_refused', 'The token gave a signature that is not one of P-256.');
  return sequence(unsignedInteger(raw.subarray(0, 32)), unsignedInteger(raw.subarray(32)));
}

async function findObjects(
  { module, session }: TokenSession,
  wanted: readonly Attribute[],
): Promise<readonly number[]> {
  await module.call(calls.findObjectsInit, (request) => request.number(session).attributes(wanted));
  const answer = await module.call(calls.findObjects, (request) => request.number(session).room(16));
  await module.call(calls.findObjectsFinal, (request) => request.number(session));
  return answer.numbers();
}

const kinds = {
  [cka.keyType]: 'number',
  [cka.sign]: 'octet',
  [cka.extractable]: 'octet',
  [cka.neverExtractable]: 'octet',
  [cka.id]: 'octets',
  [cka.parameters]: 'octets',
  [cka.point]: 'octets',
} as const;

async function readAttributes(
  token: TokenSession,
  handle: number,
): Promise<ReadonlyMap<number, number | Uint8Array>> {
  const types = [cka.keyType, cka.sign, cka.extractable, cka.neverExtractable, cka.id];
  return await attributesOf(token, handle, types);
}

async function attributesOf(
  { module, session }: TokenSession,
  handle: number,
  types: readonly number[],
): Promise<ReadonlyMap<number, number | Uint8Array>> {
  const answer = await module.call(calls.getAttributeValue, (request) =>
    request.number(session).number(handle).wanted(types, 512),
  );
  return answer.attributes(kinds);
}

/** The public half lies beside the private key, with the same id or else the same label. */
async function publicKeyOf(
  token: TokenSession,
  where: string,
  id: Uint8Array,
  label: string | null,
): Promise<Uint8Array> {
  const ofPublic = { type: cka.class, value: publicKeyClass };
  const byId = id.length === 0 ? [] : await findObjects(token, [ofPublic, { type: cka.id, value: id }]);
  const found =
    byId.length > 0 || label === null
      ? byId
      : await findObjects(token, [ofPublic, { type: cka.label, value: label }]);
  const [handle] = found;
  if (handle === undefined || found.length > 1) {
    throw new Fault('key_refused', `${where} has no public key object of its id beside it. Put one there.`);
  }
  const attributes = await attributesOf(token, handle, [cka.parameters, cka.point]);
  const point = attributes.get(cka.point);
  const parameters = attributes.get(cka.parameters);
  const octets = point instanceof Uint8Array ? pointOctets(point) : null;
  if (!octets || !(parameters instanceof Uint8Array) || !prime256v1.equals(parameters)) {
    throw new Fault('key_refused', `${where} is not on the curve P-256.`);
  }
  return concat([spkiHead, octets]);
}

/** DER of the SubjectPublicKeyInfo of a P-256 key (RFC 5480) up to its point. */
const spkiHead = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** CKA_EC_POINT is the point in an OCTET STRING (PKCS #11 v3.1 §6.3.3); some libraries leave that out. */
function pointOctets(value: Uint8Array): Uint8Array | null {
  const bare = value.length === 67 && value[0] === 0x04 && value[1] === 65 ? value.subarray(2) : value;
  return bare.length === 65 && bare[0] === 0x04 ? bare : null;
}
