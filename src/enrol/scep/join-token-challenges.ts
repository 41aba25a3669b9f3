import { Fault } from '../../kernel/fault.ts';
import { type JoinTokenDoor, proveJoinToken } from '../join-token/prove-join-token.ts';
import type { Challenges } from './scep-parts.ts';

/** A challenge is a join token: for one name or a batch of them, one profile, as often as it says. */
export function joinTokenChallenges(door: JoinTokenDoor): Challenges {
  return async ({ challenge, request, address }) => {
    if (challenge === null || challenge === '') {
      throw new Fault(
        'join_token_invalid',
        'The first certificate needs a challenge password: a join token. Make one with: countersign join-token create',
      );
    }
    const { commonName } = request;
    const proven = await proveJoinToken({ text: challenge, commonName, address }, door);
    return {
      evidence: { ...proven.evidence, door: 'scep' },
      agents: proven.agents,
      useUp: () => proven.useUp(),
    };
  };
}
