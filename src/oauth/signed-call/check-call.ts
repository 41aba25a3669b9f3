import { type KeyObject, verify } from 'node:crypto';
import {
  type CallRequest,
  type CallStatement,
  callSignature,
  optionalFields,
  requiredComponents,
  taggedMembers,
  valuesOf,
} from '../../http/signatures/call-signature.ts';
import { hasDigest, readContentDigest } from '../../http/signatures/content-digest.ts';
import { signatureBase } from '../../http/signatures/signature-base.ts';
import { type InnerList, parseDictionary } from '../../http/signatures/structured-fields.ts';
import { toBase64 } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { UsedNonces } from './used-nonces.ts';

/** The key that the connection has shown; a message cannot name another. */
export interface ConnectionKey {
  /** base64url SHA-256 of the certificate. */
  readonly thumbprint: string;
  readonly publicKey: KeyObject;
}

const seal = Symbol('signed call');

/** Proof that a call bears a signature of the key of its connection, made now and not seen before. */
export class SignedCall {
  /** What was signed (RFC 9421 §2.5). */
  readonly base: string;
  /** r and s, base64. */
  readonly signature: string;
  /** The value of Content-Digest; null for what has no body. */
  readonly contentDigest: string | null;
  readonly #proof = true;

  constructor(key: typeof seal, said: Pick<SignedCall, 'base' | 'signature' | 'contentDigest'>) {
    if (key !== seal) throw new TypeError('A SignedCall is only made of a signature that was checked.');
    this.base = said.base;
    this.signature = said.signature;
    this.contentDigest = said.contentDigest;
    Object.freeze(this);
  }

  /** Whether a value is a SignedCall that this module made. */
  static proves(value: object): value is SignedCall {
    return #proof in value && value.#proof;
  }
}

/** A call whose signature fits as far as its head tells. */
export interface PendingCall {
  /** Compares the body that was read. Throws Fault `call_signature_refused`. */
  body(octets: Uint8Array): void;
  /** Verifies, and takes the nonce. Throws Fault `call_signature_refused`, `call_replayed` or `unavailable`. */
  settle(): Promise<SignedCall>;
}

/** How far the clock of an agent may be ahead of ours, in seconds. */
const mostAhead = 30;

/**
 * Checks the signature of a call (RFC 9421 §3.2) by the key of its connection: first what its head says, before the body
 * is read. Throws Fault `call_unsigned` or `call_signature_refused`.
 */
export function checkCall(
  request: CallRequest,
  key: ConnectionKey,
  ports: { readonly clock: Clock; readonly nonces: UsedNonces },
): PendingCall {
  const { label, covered } = findInput(request);
  const signature = findSignature(request, label);
  const statement = readStatement(covered);
  checkKey(statement, key);
  checkTime(statement, ports.clock.now());
  checkCoverage(covered, request);
  const base = refusing(() => signatureBase(covered, valuesOf(request)));
  const contentDigest = request.header('content-digest');
  const digest = request.method === 'POST' ? statedDigest(contentDigest ?? '') : null;
  let compared = digest === null;
  return {
    body(octets) {
      // RFC 9530 §2, RFC 9421 §7.2.8: the signature is over the digest, so whoever reads the body compares it.
      if (!digest || !hasDigest(octets, digest)) {
        throw refused('The body is not the one whose digest was signed: somebody changed it on the way.');
      }
      compared = true;
    },
    async settle() {
      if (!compared) throw new Fault('internal', 'A signed call was taken before its body was compared.');
      const verifies = verify(
        'sha256',
        Buffer.from(base),
        { key: key.publicKey, dsaEncoding: 'ieee-p1363' },
        signature,
      );
      if (!verifies) throw refused('It does not verify: method, target, headers or parameters were changed.');
      const { nonce, created, expires } = statement;
      const time = { from: (created - mostAhead) * 1_000, until: expires * 1_000 };
      if (!(await ports.nonces.take(key.thumbprint, nonce, time))) {
        throw new Fault(
          'call_replayed',
          'This signed call was made before. Sign every call anew, with a nonce of its own.',
        );
      }
      return new SignedCall(seal, { base, signature: toBase64(signature), contentDigest });
    },
  };
}

/** RFC 9421 §7.2.6: of several signatures it is the tag that tells ours, and there is one. */
function findInput({ header }: CallRequest): { readonly label: string; readonly covered: InnerList } {
  const given = header('signature-input');
  const tagged = given === null ? [] : taggedMembers(refusing(() => parseDictionary(given)));
  const [first] = tagged;
  if (!first) {
    throw new Fault(
      'call_unsigned',
      `Calls to this server are signed (RFC 9421, tag ${callSignature.tag}) and this one is not. The bridge signs by itself; see docs/signed-calls.md.`,
    );
  }
  if (tagged.length > 1) throw refused('There are two signatures of that tag.');
  const [label, covered] = first;
  return { label, covered };
}

function findSignature({ header }: CallRequest, label: string): Uint8Array {
  const member = refusing(() => parseDictionary(header('signature') ?? '')).get(label);
  const value = member && 'value' in member ? member.value : null;
  // RFC 9421 §3.3.4: 64 octets.
  if (value instanceof Uint8Array && value.length === 64) return value;
  throw refused(`The Signature header has no ${callSignature.algorithm} signature labelled ${label}.`);
}

const statements = ['created', 'expires', 'nonce', 'keyid', 'alg', 'tag'];

/** RFC 9421 §2.3. All of ours are there, and no other: none may say what nobody checks. */
function readStatement({ parameters }: InnerList): CallStatement {
  const created = parameters.get('created');
  const expires = parameters.get('expires');
  const nonce = parameters.get('nonce');
  const thumbprint = parameters.get('keyid');
  if (parameters.get('alg') !== callSignature.algorithm) {
    throw refused(`Its alg is not ${callSignature.algorithm}.`);
  }
  if (
    typeof created !== 'number' ||
    typeof expires !== 'number' ||
    typeof nonce !== 'string' ||
    typeof thumbprint !== 'string' ||
    parameters.size !== statements.length
  ) {
    throw refused(`Its parameters are not ${statements.join(', ')}, each once.`);
  }
  if (!/^[\w-]{22,64}$/.test(nonce)) throw refused('Its nonce is not 22 to 64 characters of base64url.');
  return { created, expires, nonce, thumbprint };
}

function checkKey({ thumbprint }: CallStatement, key: ConnectionKey): void {
  if (thumbprint !== key.thumbprint) {
    throw refused('Its keyid is not the thumbprint of the certificate of this connection.');
  }
  if (key.publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw refused(
      'The certificate of this connection has no P-256 key, and calls are signed with nothing else.',
    );
  }
}

function checkTime({ created, expires }: CallStatement, now: number): void {
  const seconds = now / 1_000;
  if (expires <= created || expires - created > callSignature.longestLife) {
    throw refused(`It does not expire within ${callSignature.longestLife} s of its making.`);
  }
  if (created > seconds + mostAhead) {
    throw refused(`It was made ${Math.ceil(created - seconds)} s in the future. Set the clock of the agent.`);
  }
  if (seconds >= expires) {
    throw refused(
      `It expired ${Math.floor(seconds - expires)} s ago. Sign every call anew, and check both clocks.`,
    );
  }
}

/** RFC 9421 §7.2.1: what decides the meaning of the call has to be signed. */
function checkCoverage({ items }: InnerList, request: CallRequest): void {
  const covered = items.map(({ value }) => value);
  const required = requiredComponents(request);
  const missing = required.find((name) => !covered.includes(name));
  if (missing !== undefined) throw refused(`It does not cover ${missing}.`);
  const foreign = covered.find(
    (name) => typeof name !== 'string' || !(required.includes(name) || optionalFields.has(name)),
  );
  // What is covered is kept as evidence, and no secret may be.
  if (foreign !== undefined) throw refused('It covers something that signatures of calls do not cover.');
}

function statedDigest(header: string): Uint8Array {
  const digest = refusing(() => readContentDigest(header));
  if (digest) return digest;
  throw refused('The Content-Digest is not one sha-256.');
}

/** What cannot be read is a refusal like any other. */
function refusing<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const { code, message } = toFault(error);
    throw code === 'invalid_input' ? refused(message) : error;
  }
}

function refused(why: string): Fault {
  return new Fault('call_signature_refused', `The signature of the call is not accepted. ${why}`);
}
