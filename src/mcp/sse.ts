import { Fault } from '../kernel/fault.ts';

/** One block of an event stream (HTML Living Standard, Server-sent events §9.2). */
export interface SseEvent {
  readonly id: string | null;
  readonly event: string | null;
  /** null when the block has no data field: nothing is dispatched for it. */
  readonly data: string | null;
  /** Reconnection time in milliseconds. */
  readonly retry: number | null;
  /** The text of a comment, which keeps a stream alive. */
  readonly comment: string | null;
}

export interface SseDecoder {
  /** Takes octets as they come; returns the blocks that they complete. Throws Fault `upstream_too_large`. */
  push(chunk: Uint8Array): readonly SseEvent[];
}

/** Reads an event stream piece by piece; `limit` is the most characters that one block may have. */
export function createSseDecoder(limit = 16 * 1024 * 1024): SseDecoder {
  const decoder = new TextDecoder('utf-8');
  /** The block under way: what holds no end, and behind it what may be the beginning of one. */
  let held: string[] = [];
  let heldLength = 0;
  let edge = '';
  return {
    push(chunk) {
      const text = edge + decoder.decode(chunk, { stream: true });
      // A CR at the very end may be half of CRLF.
      const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
      const blocks: string[] = [];
      let from = 0;
      for (const { 0: end, index } of whole.matchAll(blockEnd)) {
        blocks.push(held.join('') + whole.slice(from, index));
        held = [];
        heldLength = 0;
        from = index + end.length;
      }
      const rest = text.slice(from);
      edge = rest.slice(-longestBeginning);
      held.push(rest.slice(0, rest.length - edge.length));
      heldLength += rest.length - edge.length;
      if (heldLength + edge.length > limit) {
        throw new Fault('upstream_too_large', `An event of the stream is larger than ${limit} octets.`);
      }
      return blocks.filter((block) => block !== '').map(readBlock);
    },
  };
}

/** HTML §9.2.5: a line ends with CR LF, LF or CR, and an empty line ends a block. CR LF is never two ends. */
const blockEnd = /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))/g;
/** Of two CR LF, all but the last. */
const longestBeginning = 3;

function readBlock(block: string): SseEvent {
  const seen: { -readonly [field in keyof SseEvent]: SseEvent[field] } = {
    id: null,
    event: null,
    data: null,
    retry: null,
    comment: null,
  };
  for (const line of block.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === '' && colon === 0) seen.comment = value;
    else if (field === 'data') seen.data = seen.data === null ? value : `${seen.data}\n${value}`;
    else if (field === 'event') seen.event = value;
    else if (field === 'id' && !value.includes('\0')) seen.id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) seen.retry = Number(value);
  }
  return seen;
}

/** A block as text, with its closing empty line. */
export function encodeSseEvent(event: Partial<SseEvent>): string {
  let text = '';
  if (event.comment !== null && event.comment !== undefined) text += `:${event.comment}\n`;
  if (event.id !== null && event.id !== undefined) text += `id: ${event.id}\n`;
  if (event.event !== null && event.event !== undefined) text += `event: ${event.event}\n`;
  if (event.retry !== null && event.retry !== undefined) text += `retry: ${event.retry}\n`;
  for (const line of event.data?.split('\n') ?? []) text += `data: ${line}\n`;
  return `${text}\n`;
}
