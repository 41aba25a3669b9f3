import { sha256Base64url } from '../../kernel/bytes.ts';
import type { ChallengePurpose } from './challenge.ts';
import type { PeopleDoor } from './people-door.ts';
import { notAccepted } from './webauthn.ts';

/** A challenge of ours that is not over, for this act of this browser. */
export interface AnsweredChallenge {
  /** Throws Fault `login_refused` when it was answered before. */
  useUp(): Promise<void>;
}

/** Throws Fault `login_refused`. */
export function requireChallenge(
  challenge: string,
  purpose: ChallengePurpose,
  { challenges, used, clock }: Pick<PeopleDoor, 'challenges' | 'used' | 'clock'>,
): AnsweredChallenge {
  const endsAt = challenges.endOf(challenge, purpose);
  if (endsAt === null) {
    throw notAccepted('it answers no question that this page asked in the last minutes');
  }
  return {
    async useUp() {
      if (await used.take(sha256Base64url(challenge), endsAt, clock.now())) return;
      throw notAccepted('the same answer was sent before');
    },
  };
}
