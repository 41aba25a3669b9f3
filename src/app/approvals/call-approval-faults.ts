import { Fault } from '../../kernel/fault.ts';
import type { CallApproval } from './call-approval-records.ts';

const words: Readonly<Record<CallApproval['state'], string>> = {
  waiting: 'waits already',
  granted: 'was granted already',
  refused: 'was refused already',
  used: 'was used already',
  withdrawn: 'was taken back by the agent',
  over: 'is over',
};

/** Why a call can no longer be decided. */
export function callNotDecidable({ id, state, expiresAt }: CallApproval, now: number): Fault {
  const open = state === 'waiting' || state === 'granted';
  if (state === 'over' || (open && now >= expiresAt)) {
    return new Fault('conflict', `The call ${id} is over since ${new Date(expiresAt).toISOString()}.`);
  }
  return new Fault('conflict', `The call ${id} ${words[state]}.`);
}

export function tooManyCallsWait(): Fault {
  return new Fault(
    'limit_reached',
    'Too many calls wait to be approved already. Ask again when some were decided.',
    { retryAfterMilliseconds: 60_000 },
  );
}
