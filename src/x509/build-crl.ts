import { Fault } from '../kernel/fault.ts';
import { algorithmIdentifier, type SignatureAlgorithm } from './build-certificate.ts';
import { bitString, element, explicit, sequence, smallInteger, tags, unsignedInteger } from './der.ts';
import { authorityKeyIdentifier, extensionList } from './extensions.ts';
import { extension } from './general-name.ts';
import { oids } from './oid.ts';
import { distributionPointName } from './publication-points.ts';
import { type RevocationReason, revocationReasons } from './revocation-reason.ts';
import { writeTime } from './time.ts';

/** One revoked certificate in a list. */
export interface CrlEntry {
  /** Lower-case hex of a positive number of at most 20 octets. */
  readonly serial: string;
  /** Epoch milliseconds; written in whole seconds. */
  readonly revokedAt: number;
  readonly reason: RevocationReason;
}

/** Everything a CRL of ours says. Times are epoch milliseconds and written in whole seconds. */
export interface CrlTemplate {
  readonly issuerDer: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Grows with every list of the same scope (RFC 5280 §5.2.3). */
  readonly number: number;
  /** Hex of the issuer's key identifier. */
  readonly authorityKeyId: string;
  /** The distribution point that the listed certificates name; null for a list of all of the issuer's. */
  readonly url: string | null;
  readonly entries: readonly CrlEntry[];
}

/** The to-be-signed octets of a CRL (RFC 5280 §5.1). Throws Fault `invalid_input`. */
export function buildCrlTbs(template: CrlTemplate, algorithm: SignatureAlgorithm): Uint8Array {
  return sequence(
    smallInteger(1),
    algorithmIdentifier(algorithm),
    template.issuerDer,
    writeTime(template.thisUpdate),
    writeTime(template.nextUpdate),
    // RFC 5280 §5.1.2.6: absent when nothing is revoked.
    ...(template.entries.length === 0 ? [] : [element(tags.sequence, writeEntries(template.entries))]),
    explicit(0, extensionList(extensionsOf(template))),
  );
}

/** Joins what was signed with its signature. */
export function assembleCrl(
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array {
  return sequence(tbs, algorithmIdentifier(algorithm), bitString(signature));
}

function extensionsOf({ authorityKeyId, number, url }: CrlTemplate): readonly Uint8Array[] {
  const hex = number.toString(16);
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return [
    authorityKeyIdentifier(authorityKeyId),
    extension(oids.cRLNumber, false, unsignedInteger(octets)),
    ...(url === null
      ? []
      : [extension(oids.issuingDistributionPoint, true, sequence(distributionPointName(url)))]),
  ];
}

const reasonLead = extension(oids.cRLReason, false, element(tags.enumerated, new Uint8Array([0])));
/** The Extensions of an entry with a reason, whose number is the last octet. */
const reasonExtensions = sequence(reasonLead);
/** Header, serial with sign octet, GeneralizedTime, reason. */
const longestEntry = 2 + 23 + 17 + reasonExtensions.length;

/** All entries behind one another, written into one piece of memory: a list may have a million. */
function writeEntries(entries: readonly CrlEntry[]): Uint8Array {
  const octets = Buffer.allocUnsafe(entries.length * longestEntry);
  const clock = timeWriter();
  let at = 0;
  for (const { serial, revokedAt, reason } of entries) {
    const start = at;
    at = writeSerial(octets, start + 2, serial);
    at = clock(octets, at, revokedAt);
    // RFC 5280 §5.3.1: "unspecified" is said by leaving the extension out.
    if (reason !== 'unspecified') {
      at = copy(reasonExtensions, octets, at);
      octets[at - 1] = revocationReasons[reason];
    }
    octets[start] = tags.sequence;
    octets[start + 1] = at - start - 2;
  }
  return octets.subarray(0, at);
}

function writeSerial(octets: Buffer, at: number, serial: string): number {
  if (!serialForm.test(serial)) {
    throw new Fault('invalid_input', 'A serial number is hex of a positive number of at most 20 octets.');
  }
  // The shortest form of X.690 §8.3.2: leading zeros go, unless the number would turn negative.
  const digits = serial.startsWith('00') ? serial.replace(/^(00)+(?=..)/, '') : serial;
  const sign = digits >= '8' ? 1 : 0;
  const length = digits.length / 2 + sign;
  octets[at] = tags.integer;
  octets[at + 1] = length;
  octets[at + 2] = 0;
  octets.write(digits, at + 2 + sign, 'hex');
  return at + 2 + length;
}

const serialForm = /^(?!0+$)(?:[0-9a-f]{2}){1,20}$/;
const day = 86_400_000;

/** Writes times as `writeTime` does, and remembers the day: most entries of a list share theirs with a neighbour. */
function timeWriter(): (octets: Buffer, at: number, milliseconds: number) => number {
  let known = Number.NaN;
  let lead: Uint8Array = new Uint8Array();
  return (octets, at, milliseconds) => {
    const date = Math.floor(milliseconds / day);
    if (date !== known) {
      // The time of day and the Z are the last seven octets.
      lead = writeTime(date * day).subarray(0, -7);
      known = date;
    }
    const behind = copy(lead, octets, at);
    const seconds = Math.floor((milliseconds - date * day) / 1_000);
    writeTwoDigits(octets, behind, Math.floor(seconds / 3_600));
    writeTwoDigits(octets, behind + 2, Math.floor(seconds / 60) % 60);
    writeTwoDigits(octets, behind + 4, seconds % 60);
    octets[behind + 6] = 0x5a;
    return behind + 7;
  };
}

/** A loop is quicker than `set` for a dozen octets. */
function copy(from: Uint8Array, octets: Buffer, at: number): number {
  for (let index = 0; index < from.length; index++) octets[at + index] = from[index] ?? 0;
  return at + from.length;
}

function writeTwoDigits(octets: Buffer, at: number, value: number): void {
  octets[at] = 0x30 + Math.floor(value / 10);
  octets[at + 1] = 0x30 + (value % 10);
}
