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

/** Reads an event stream piece by piece; `limit` is the most octets that one block may have. */
export function createSseDecoder(limit = 16 * 1024 * 1024): SseDecoder {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  return {
    push(chunk) {
      rest += decoder.decode(chunk, { stream: true });
      // A CR at the very end may be half of CRLF.
      const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest;
      const blocks = whole.split(/(?:\r\n|\n|\r)(?:\r\n|\n|\r)/);
      const last = blocks.pop() ?? '';
      rest = last + rest.slice(whole.length);
      if (rest.length > limit) {
        throw new Fault('upstream_too_large', `An event of the stream is larger than ${limit} octets.`);
      }
      return blocks.filter((block) => block !== '').map(readBlock);
    },
  };
}

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
