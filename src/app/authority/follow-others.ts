import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { IssuanceCheck } from '../../ca/issuance-check.ts';
import { recoverIssuance } from '../../ca/recover.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Peers } from '../peers/peers.ts';
import type { Store } from '../store/store.ts';

/** How many signs of life apart the reservations of dead authorities are looked for. */
const beatsBetween = 5;

/** Gives up what other authorities were issuing when they died, whenever this one leads. Returns how to stop. */
export function giveUpForTheDead(
  ca: Pick<CertificateAuthority, 'records' | 'audit'>,
  peers: Peers,
): () => void {
  let beats = 0;
  return peers.onBeat(async () => {
    beats += 1;
    if (beats % beatsBetween > 0 || !peers.leads()) return;
    await recoverIssuance(ca, (instance) => instance !== peers.self && peers.isGone(instance));
  });
}

/** Tells the gateways that follow this authority of calls that were decided at another. Returns how to stop. */
export function tellOthersDecisions(
  store: Pick<Store, 'callApprovals'>,
  peers: Peers,
  tell: (ids: readonly string[]) => void,
): () => void {
  let waited: readonly string[] = [];
  return peers.onBeat(async () => {
    const waiting = (await store.callApprovals.list(false)).map(({ id }) => id);
    const decided = waited.filter((id) => !waiting.includes(id));
    waited = waiting;
    if (decided.length > 0) tell(decided);
  });
}

/** Nothing is issued by a process in whose place another one is, or that cannot reach the store. */
export function onlyWhileCurrent(peers: Pick<Peers, 'isCurrent'>): IssuanceCheck {
  return {
    async check() {
      if (peers.isCurrent()) return;
      throw new Fault('unavailable', 'This authority has not reached its store lately. Ask another one.', {
        retryAfterMilliseconds: 5_000,
      });
    },
  };
}
