import { toBase64url } from '../../kernel/bytes.ts';
import { contentDigest } from './content-digest.ts';
import { type ComponentValues, signatureBase } from './signature-base.ts';
import {
  type BareItem,
  type Dictionary,
  type InnerList,
  item,
  parseDictionary,
  writeDictionary,
} from './structured-fields.ts';

/**
 * The profile of RFC 9421 (§1.4) that agents sign their calls in. `docs/signed-calls.md` describes it for others;
 * whoever signs and whoever checks read it here.
 */
export const callSignature = {
  label: 'call',
  /** RFC 9421 §2.3: what the signature is for, so that none made for something else is taken for a call. */
  tag: 'countersign-call-v1',
  /** RFC 9421 §3.3.4: r and s of 32 octets each. */
  algorithm: 'ecdsa-p256-sha256',
  /** Seconds from `created` to `expires`, at the most. */
  longestLife: 60,
} as const;

/** Fields that change what a call means or whose it is, so that they are signed whenever they are there. */
const decidingFields = ['mcp-session-id', 'mcp-protocol-version', 'last-event-id'] as const;

/** What may be covered besides. No field that carries a secret is among them: what is signed is kept as evidence. */
export const optionalFields: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'mcp-method',
  'mcp-name',
]);

/** One request as it is signed. */
export interface CallRequest {
  readonly method: string;
  /** `https://`, the Host as it is sent, and the path. */
  readonly targetUri: string;
  /** The value of a field by its lower-case name, or null. */
  readonly header: (name: string) => string | null;
}

/** What a signature of a call has to cover, in the order in which we sign it. */
export function requiredComponents({ method, header }: CallRequest): readonly string[] {
  return [
    '@method',
    '@target-uri',
    ...(method === 'POST' ? ['content-digest'] : []),
    ...decidingFields.filter((name) => header(name) !== null),
  ];
}

export function valuesOf({ method, targetUri, header }: CallRequest): ComponentValues {
  return (name) => {
    if (name === '@method') return method;
    if (name === '@target-uri') return targetUri;
    return name.startsWith('@') ? null : header(name);
  };
}

/** What a signature says of itself. Times in seconds since the Unix epoch. */
export interface CallStatement {
  readonly created: number;
  readonly expires: number;
  readonly nonce: string;
  /** base64url SHA-256 of the certificate (RFC 8705 §3.1). */
  readonly thumbprint: string;
}

/** A call about to be signed. */
export interface UnsignedCall {
  readonly method: string;
  readonly targetUri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

/** The fields that a signature adds to a call. `sign` gives r and s over the octets of a text. */
export function signCall(
  call: UnsignedCall,
  statement: CallStatement,
  sign: (base: string) => Uint8Array,
): Readonly<Record<string, string>> {
  const digest = call.body ? { 'content-digest': contentDigest(call.body) } : {};
  const headers: Readonly<Record<string, string>> = { ...call.headers, ...digest };
  const request = { ...call, header: (name: string) => headers[name] ?? null };
  const covered = {
    items: requiredComponents(request).map((name) => item(name)),
    parameters: parametersOf(statement),
  };
  const signature = sign(signatureBase(covered, valuesOf(request)));
  return {
    ...digest,
    'signature-input': writeDictionary(new Map([[callSignature.label, covered]])),
    signature: writeDictionary(new Map([[callSignature.label, item(signature)]])),
  };
}

function parametersOf({ created, expires, nonce, thumbprint }: CallStatement): Map<string, BareItem> {
  return new Map<string, BareItem>([
    ['created', created],
    ['expires', expires],
    ['nonce', nonce],
    ['keyid', thumbprint],
    ['alg', callSignature.algorithm],
    ['tag', callSignature.tag],
  ]);
}

/** A nonce of that many random octets, as it stands in the signature. */
export function nonceOf(random: Uint8Array): string {
  return toBase64url(random);
}

/** The value of `Accept-Signature` (RFC 9421 §5.1): how the next request has to be signed. */
export function acceptSignature(): string {
  const parameters = new Map<string, BareItem>([
    ['created', true],
    ['expires', true],
    ['nonce', true],
    ['keyid', true],
    ['alg', callSignature.algorithm],
    ['tag', callSignature.tag],
  ]);
  const items = ['@method', '@target-uri', 'content-digest'].map((name) => item(name));
  return writeDictionary(new Map([[callSignature.label, { items, parameters }]]));
}

/** Whether an `Accept-Signature` asks for a signature of ours. */
export function asksForSignature(value: string): boolean {
  try {
    return taggedMembers(parseDictionary(value)).length > 0;
  } catch {
    return false;
  }
}

/** The members of a dictionary that bear our tag, by their labels. */
export function taggedMembers(dictionary: Dictionary): readonly (readonly [string, InnerList])[] {
  const tagged: (readonly [string, InnerList])[] = [];
  for (const [label, member] of dictionary) {
    if ('items' in member && member.parameters.get('tag') === callSignature.tag) tagged.push([label, member]);
  }
  return tagged;
}
