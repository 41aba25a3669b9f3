import { createReadStream } from 'node:fs';
import { maximumLineOctets } from './entry.ts';

/** One line of a file. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Without its line break; null when it is not UTF-8 or longer than an entry may be. */
  readonly text: string | null;
  /** Whether its line break is there. */
  readonly whole: boolean;
  /** How many octets it takes, without its line break. */
  readonly octets: number;
}

/**
 * The lines of a part of a file, one at a time; never holds more than one line and one chunk. Ends after a line that
 * is too long.
 */
export async function* readLines(
  path: string,
  part: { readonly start?: number; readonly end?: number } = {},
): AsyncGenerator<Line> {
  // With the BOM kept and no replacement characters, the text has exactly the octets of the file.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const last = part.end === undefined ? {} : { end: part.end - 1 };
  if (part.end !== undefined && part.end <= (part.start ?? 0)) return;
  let number = 1;
  let pending: Buffer[] = [];
  let octets = 0;
  for await (const chunk of createReadStream(path, {
    start: part.start ?? 0,
    ...last,
  }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, from)) {
      pending.push(chunk.subarray(from, at));
      octets += at - from;
      yield { number, text: textOf(decoder, pending, octets), whole: true, octets };
      if (octets > maximumLineOctets) return;
      number += 1;
      pending = [];
      octets = 0;
      from = at + 1;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
    octets += chunk.length - from;
    if (octets > maximumLineOctets) break;
  }
  if (octets > 0) yield { number, text: textOf(decoder, pending, octets), whole: false, octets };
}

function textOf(decoder: TextDecoder, parts: readonly Buffer[], octets: number): string | null {
  if (octets > maximumLineOctets) return null;
  try {
    return decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
  } catch {
    return null;
  }
}
