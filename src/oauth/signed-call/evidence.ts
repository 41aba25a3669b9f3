import { verify, X509Certificate } from 'node:crypto';
import { callSignature } from '../../http/signatures/call-signature.ts';
import { parseDictionary } from '../../http/signatures/structured-fields.ts';
import { fromBase64, sha256Base64url } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';

/** Who signed, as the gateway recorded it (`call.signer`). DER. */
export interface Signer {
  readonly certificate: Uint8Array;
  /** The authorities above, as far as they are known. */
  readonly issuers: readonly Uint8Array[];
}

/** The signature that an entry keeps, or null for a call that was not signed. Throws Fault `audit_broken`. */
export function signatureOf(event: Readonly<Record<string, unknown>>): KeptSignature | null {
  const kept = event['signature'];
  if (kept === undefined) return null;
  const { base, value } = isJsonObject(kept) ? (kept as Record<string, Json>) : {};
  const octets = typeof value === 'string' ? fromBase64(value) : null;
  if (typeof base !== 'string' || octets?.length !== 64) throw broken('the entry has no whole signature');
  return { base, value: octets };
}

export interface KeptSignature {
  /** The text that was signed. */
  readonly base: string;
  /** r and s. */
  readonly value: Uint8Array;
}

/** What evidence that holds has shown. */
export interface ShownCall {
  readonly spiffeId: string;
  readonly thumbprint: string;
  /** The lines of the base but the last: method, target, digest, fields. */
  readonly signed: readonly string[];
  /** The subject of the root that the certificate leads to; null when no root was given to compare with. */
  readonly root: string | null;
}

/**
 * Shows by itself who signed a call: the signature by the certificate, the certificate by its thumbprint and name in the
 * entry, and, with `roots`, by the chain at the time of the entry. Throws Fault `audit_broken`.
 */
export function checkEvidence(
  entry: { readonly time: string; readonly event: Readonly<Record<string, unknown>> },
  signer: Signer,
  roots: readonly Uint8Array[] | null,
): ShownCall {
  const { event } = entry;
  const signature = signatureOf(event);
  if (!signature) throw broken('the entry is of a call that was not signed');
  const leaf = new X509Certificate(signer.certificate);
  const thumbprint = sha256Base64url(signer.certificate);
  const { spiffeId } = event;
  if (event['thumbprint'] !== thumbprint) throw broken('the certificate is not the one that the entry names');
  if (typeof spiffeId !== 'string' || !isNamed(leaf, spiffeId)) {
    throw broken('the certificate is not of the agent that the entry names');
  }
  const { lines, covered } = readBase(signature.base);
  const time = Date.parse(entry.time) / 1_000;
  const created = covered.get('created');
  const expires = covered.get('expires');
  if (covered.get('keyid') !== thumbprint || covered.get('tag') !== callSignature.tag) {
    throw broken('the signature is not one of a call by this certificate');
  }
  // A record is written a moment after the check; a moment is all.
  if (
    typeof created !== 'number' ||
    typeof expires !== 'number' ||
    time < created - slack ||
    time > expires + slack
  ) {
    throw broken('the signature was made at another time than the entry');
  }
  const key = { key: leaf.publicKey, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify('sha256', Buffer.from(signature.base), key, signature.value)) {
    throw broken('the signature does not verify');
  }
  const root = roots && rootOf(leaf, [...signer.issuers], roots, Date.parse(entry.time));
  return { spiffeId, thumbprint, signed: lines, root };
}

/** Seconds between the clocks of an agent and a gateway, and from the check to the record. */
const slack = 60;

function readBase(base: string): {
  readonly lines: readonly string[];
  readonly covered: ReadonlyMap<string, unknown>;
} {
  const lines = base.split('\n');
  const last = lines.pop() ?? '';
  const prefix = '"@signature-params": ';
  try {
    const member = last.startsWith(prefix)
      ? parseDictionary(`s=${last.slice(prefix.length)}`).get('s')
      : undefined;
    if (member && 'items' in member) return { lines, covered: member.parameters };
  } catch (error) {
    throw broken(toFault(error).message);
  }
  throw broken('what was signed has no parameters at its end');
}

// Node quotes what could be taken for the end of a name; the first name is ours whenever it stands there whole.
function isNamed({ subjectAltName }: X509Certificate, spiffeId: string): boolean {
  const name = `URI:${spiffeId}`;
  return subjectAltName === name || (subjectAltName?.startsWith(`${name}, `) ?? false);
}

const longestChain = 8;

/** The subject of the root at the end of the chain, whose certificates were all in force at a time. */
function rootOf(
  leaf: X509Certificate,
  issuers: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  time: number,
): string {
  const trusted = roots.map((der) => new X509Certificate(der));
  const between = issuers.map((der) => new X509Certificate(der));
  let below = leaf;
  for (let depth = 0; depth < longestChain; depth++) {
    if (!wasInForce(below, time)) throw broken(`${below.subject} was not in force at the time of the entry`);
    const issued = (above: X509Certificate): boolean =>
      above.ca && below.checkIssued(above) && below.verify(above.publicKey);
    const root = trusted.find(issued);
    if (root && wasInForce(root, time)) return root.subject;
    const above = between.find(issued);
    if (!above) break;
    below = above;
  }
  throw broken(
    'the certificate does not lead to a root that was given; give the authorities between with --chain',
  );
}

function wasInForce({ validFromDate, validToDate }: X509Certificate, time: number): boolean {
  return validFromDate.getTime() <= time && time <= validToDate.getTime();
}

function broken(why: string): Fault {
  return new Fault('audit_broken', `The entry does not show who signed the call: ${why}.`);
}
