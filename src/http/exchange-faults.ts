import { Fault } from '../kernel/fault.ts';
import type { BodyLimit } from './exchange.ts';
import type { Patience } from './engine.ts';

/** How an exchange ends before its time, in the words of both engines. */

export function tooLarge(limit: BodyLimit): Fault {
  return new Fault('too_large', `The request body is larger than the limit of ${limit.bytes} octets.`);
}

export function tooSlow(limit: BodyLimit): Fault {
  return new Fault('timed_out', `The request body was not complete after ${limit.milliseconds} ms.`);
}

export function bodyBroke(cause?: unknown): Fault {
  return new Fault('unavailable', 'The peer went away before its body was complete.', { cause });
}

export function peerGone(cause?: unknown): Fault {
  return new Fault('unavailable', 'The peer went away before the answer was complete.', { cause });
}

export function stalled(patience: Patience): Fault {
  const detail = `The peer took too little of the answer for ${patience.stallMilliseconds} ms.`;
  return new Fault('timed_out', detail);
}

export function silent(patience: Patience): Fault {
  const detail = `The stream had nothing to say for ${patience.silentMilliseconds} ms and was ended.`;
  return new Fault('timed_out', detail);
}
