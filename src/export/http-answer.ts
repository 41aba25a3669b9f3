import type { WholeResponse } from '../http/fetch.ts';
import { Fault } from '../kernel/fault.ts';

/** Answers that speak of what was sent and not of who sent it, or of the moment (RFC 9110 §15.5). */
const refusals: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/**
 * Lets an answer of 2xx pass. Throws Fault `export_refused` for one that says that what was sent is not taken, and `unavailable`
 * for every other, with what it says of `Retry-After`; `now` is in epoch milliseconds.
 */
export function requireTaken(answer: WholeResponse, called: string, now: number): void {
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return;
  const detail = `${called} answers with status ${status}.`;
  if (refusals.has(status)) throw new Fault('export_refused', detail);
  const retryAfterMilliseconds = retryAfter(headers['retry-after'], now);
  throw new Fault('unavailable', detail, retryAfterMilliseconds === null ? {} : { retryAfterMilliseconds });
}

/** RFC 9110 §10.2.3: seconds or a date; null for anything else. */
function retryAfter(text: string | undefined, now: number): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
