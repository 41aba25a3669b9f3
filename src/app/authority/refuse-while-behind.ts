import { Fault } from '../../kernel/fault.ts';
import type { Peers } from '../peers/peers.ts';
import type { Issuers } from './open-issuers.ts';

/**
 * Another authority that has not taken the last step up would go on with the intermediate before, or could not open the next one's
 * key at all. Throws Fault `conflict`.
 */
export function refuseWhileBehind(peers: Pick<Peers, 'list'>, issuers: Pick<Issuers, 'step'>): void {
  const behind = peers
    .list()
    .filter(({ isSelf, alive, issuers: step }) => !isSelf && alive && step < issuers.step());
  if (behind.length === 0) return;
  throw new Fault(
    'conflict',
    `Not every authority has the next intermediate yet: ${behind.map(({ name }) => name).join(', ')}. They take a second for it, and say in their log when they cannot; go on without them with --force.`,
  );
}
