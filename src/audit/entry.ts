import { sha256, sha256Base64url, toBase64url } from '../kernel/bytes.ts';
import { canonicalJson, isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';

/** The longest line that a log holds, in octets: what a reader must be ready to keep in memory. */
export const maximumLineOctets = 16 * 1024 * 1024;
/** The largest event, in octets of canonical JSON: a line without its index, link and time. */
export const maximumEventOctets = maximumLineOctets - 1024;

/** One line of the log, as a value. */
export interface Entry {
  readonly index: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** base64url Merkle leaf hash of the line before, or the hash of the origin for the first. */
  readonly previous: string;
  readonly event: { readonly type: string; readonly [field: string]: Json };
}

/** What the first entry of a log links to: a hash of its origin, so that logs cannot be exchanged. */
export function genesis(origin: string): string {
  return sha256Base64url(`countersign audit log v1\n${origin}\n`);
}

/** The canonical line of an entry, without its line break; `event` is canonical JSON already, `time` as `entryTime` gives it. */
export function entryLine(index: number, time: string, previous: string, event: string): string {
  // RFC 8785 order of the four members; the values below need no escaping.
  return `{"event":${event},"index":${index},"previous":"${previous}","time":"${time}"}`;
}

/** Epoch milliseconds as an entry states them. */
export function entryTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Reads a line back. Throws Fault `audit_broken` when it is not the canonical line of an entry. */
export function readEntry(line: string): Entry {
  let value: Json;
  try {
    value = JSON.parse(line) as Json;
    if (canonicalJson(value) === line && isEntry(value)) return value;
  } catch (cause) {
    throw new Fault('audit_broken', 'The line is not JSON.', { cause });
  }
  throw new Fault('audit_broken', 'The line is not the canonical form of an entry.');
}

const timePattern = /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$/;

function isEntry(value: Json): value is Json & Entry {
  return (
    isJsonObject(value) &&
    Object.keys(value).length === 4 &&
    typeof value['index'] === 'number' &&
    typeof value['time'] === 'string' &&
    timePattern.test(value['time']) &&
    typeof value['previous'] === 'string' &&
    isJsonObject(value['event']) &&
    typeof value['event']['type'] === 'string'
  );
}

/** What the next entry carries as `previous`: the Merkle leaf of this one, so that one hash serves chain and tree. */
export function linkOf(leaf: Uint8Array): string {
  return toBase64url(leaf);
}

/** What stands before a line in the octets that its leaf is the hash of (RFC 6962 §2.1). */
export const leafOctet = 0;

/** The Merkle leaf of a line (RFC 6962 §2.1). */
export function leafHash(line: string): Uint8Array {
  // The octet 0 is the UTF-8 of U+0000.
  return sha256(`${String.fromCharCode(leafOctet)}${line}`);
}
