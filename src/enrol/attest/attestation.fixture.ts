import { createHash, type KeyObject, sign } from 'node:crypto';

/** What `writeCbor` writes. */
export type Writable =
  | number
  | string
  | Uint8Array
  | readonly Writable[]
  | { readonly [key: string]: Writable };

/** CBOR in the form that `readCbor` reads; the members of objects in the order they have. */
export function writeCbor(value: Writable): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value))
    return Buffer.concat([head(4, value.length), ...(value as Writable[]).map(writeCbor)]);
  const members = Object.entries(value as { readonly [key: string]: Writable });
  return Buffer.concat([head(5, members.length), ...members.flatMap((member) => member.map(writeCbor))]);
}

function head(major: number, argument: number): Buffer {
  const first = major << 5;
  if (argument < 24) return Buffer.of(first | argument);
  if (argument < 2 ** 8) return Buffer.of(first | 24, argument);
  if (argument < 2 ** 16) return Buffer.concat([Buffer.of(first | 25), u16(argument)]);
  if (argument < 2 ** 32) return Buffer.concat([Buffer.of(first | 26), u32(argument)]);
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(BigInt(argument));
  return Buffer.concat([Buffer.of(first | 27), long]);
}

/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign. */
export const heldKeyAttributes = 0x0004_0072;

/** The public area of a P-256 key as a TPM would have it (TPMT_PUBLIC). */
export function publicAreaOf(key: KeyObject, attributes = heldKeyAttributes): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const parameters = [u16(0x0010), u16(0x0010), u16(0x0003), u16(0x0010)];
  const point = [sized(Buffer.from(x, 'base64url')), sized(Buffer.from(y, 'base64url'))];
  return Buffer.concat([u16(0x0023), u16(0x000b), u32(attributes), u16(0), ...parameters, ...point]);
}

/** How a statement departs from a proper one. */
export interface TpmDeparture {
  readonly magic?: number;
  readonly type?: number;
  /** The public area that certInfo is about. */
  readonly about?: Uint8Array;
  readonly pubArea?: Uint8Array;
  readonly signer?: KeyObject;
  readonly certInfo?: (octets: Buffer) => Buffer;
  readonly sig?: (octets: Buffer) => Buffer;
  readonly members?: Readonly<Record<string, Writable>>;
}

/** A statement of the format `tpm`, made without a TPM by whoever has the attestation key. */
export function tpmStatement(
  made: {
    readonly keyAuthorization: string;
    readonly key: KeyObject;
    readonly attestationKey: KeyObject;
    readonly x5c: readonly Uint8Array[];
  },
  { magic = 0xff544347, type = 0x8017, ...departure }: TpmDeparture = {},
): { readonly [key: string]: Writable } {
  const pubArea = departure.pubArea ?? publicAreaOf(made.key);
  const name = Buffer.concat([u16(0x000b), sha256(departure.about ?? pubArea)]);
  const certInfo = Buffer.concat([
    u32(magic),
    u16(type),
    sized(Buffer.concat([u16(0x000b), Buffer.alloc(32)])),
    sized(sha256(made.keyAuthorization)),
    Buffer.alloc(25),
    sized(name),
    sized(name),
  ]);
  const signed = departure.certInfo?.(certInfo) ?? certInfo;
  const signer = departure.signer ?? made.attestationKey;
  const both = sign('sha256', signed, { key: signer, dsaEncoding: 'ieee-p1363' });
  const sig = Buffer.concat([
    u16(0x0018),
    u16(0x000b),
    sized(both.subarray(0, 32)),
    sized(both.subarray(32)),
  ]);
  const x5c = [...made.x5c];
  return {
    ver: '2.0',
    alg: -7,
    sig: departure.sig?.(sig) ?? sig,
    x5c,
    certInfo: signed,
    pubArea,
    ...departure.members,
  };
}

function sha256(octets: Uint8Array | string): Buffer {
  return createHash('sha256').update(octets).digest();
}

function sized(octets: Uint8Array): Buffer {
  return Buffer.concat([u16(octets.length), octets]);
}

function u16(number: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(number);
  return octets;
}

function u32(number: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(number);
  return octets;
}
