import { Fault } from '../../kernel/fault.ts';
import type { ApprovalRecord } from './approval-records.ts';

/** Why a request can no longer be decided. */
export function notDecidable({ id, state, expiresAt }: ApprovalRecord, now: number): Fault {
  if (now >= expiresAt && state !== 'used') {
    return new Fault('conflict', `The request ${id} is over since ${new Date(expiresAt).toISOString()}.`);
  }
  const words = { waiting: 'waits', granted: 'was granted', refused: 'was refused', used: 'was used' };
  return new Fault('conflict', `The request ${id} ${words[state]} already.`);
}

export function tooManyWait(): Fault {
  return new Fault(
    'limit_reached',
    'Too many requests wait for an administrator already. Ask again when some were decided.',
    { retryAfterMilliseconds: 60_000 },
  );
}
