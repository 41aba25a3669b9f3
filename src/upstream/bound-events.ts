import { Fault } from '../kernel/fault.ts';

/**
 * Passes an event stream on and stops it when one event grows over the limit. Throws Fault `upstream_too_large`.
 */
export async function* boundEvents(
  body: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const measure = countEventOctets();
  for await (const chunk of body) {
    if (measure(chunk) > limit) {
      throw new Fault('upstream_too_large', `The MCP server sent a message of more than ${limit} octets.`);
    }
    yield chunk;
  }
}

/** Octets of the longest event that the chunk ends or continues. */
function countEventOctets(): (chunk: Uint8Array) => number {
  let size = 0;
  let atLineStart = true;
  let afterReturn = false;
  return (chunk) => {
    let longest = 0;
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const octet = chunk[at];
      if (octet !== 0x0a && octet !== 0x0d) {
        atLineStart = false;
        afterReturn = false;
        // Most octets are not line ends: go to the next one at once.
        at = nextLineEnd(chunk, at + 1) - 1;
        continue;
      }
      // HTML §9.2.5: a line ends with CR LF, LF or CR.
      if (octet === 0x0a && afterReturn) {
        afterReturn = false;
        continue;
      }
      afterReturn = octet === 0x0d;
      if (atLineStart) {
        longest = Math.max(longest, size + at - from);
        size = 0;
        from = at + 1;
      }
      atLineStart = true;
    }
    size += chunk.length - from;
    return Math.max(longest, size);
  };
}

function nextLineEnd(chunk: Uint8Array, from: number): number {
  const feed = chunk.indexOf(0x0a, from);
  const end = feed === -1 ? chunk.length : feed;
  const ret = chunk.subarray(from, end).indexOf(0x0d);
  return ret === -1 ? end : from + ret;
}
