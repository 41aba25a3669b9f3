import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { IssuanceCheck } from '../../ca/issuance-check.ts';
import { recoverIssuance } from '../../ca/recover.ts';
import { Fault } from '../../kernel/fault.ts';
import type { CallApprovalQueue } from '../approvals/call-approval-queue.ts';
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
  { list }: Pick<Store['callApprovals'], 'list'>,
  queue: Pick<CallApprovalQueue, 'onChange'>,
  { peers, tell }: { readonly peers: Peers; readonly tell: (ids: readonly string[]) => void },
): () => void {
  const awaited = new Set<string>();
  const stopQueue = queue.onChange(({ id, state }) => {
    if (state === 'waiting') awaited.add(id);
    else awaited.delete(id);
  });
  const stopBeats = peers.onBeat(async () => {
    const asked = [...awaited];
    const waiting = new Set((await list(false)).map(({ id }) => id));
    const decided = asked.filter((id) => !waiting.has(id) && awaited.delete(id));
    for (const id of waiting) awaited.add(id);
    if (decided.length > 0) tell(decided);
  });
  return () => {
    stopQueue();
    stopBeats();
  };
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

/** Takes what the root has signed for all of them, every now and then. Returns how to stop. */
export function refreshRoots(
  peers: Peers,
  all: readonly { readonly refresh: () => Promise<void> }[],
): () => void {
  let beats = 0;
  return peers.onBeat(async () => {
    beats += 1;
    if (beats % beatsBetween > 0) return;
    for (const one of all) await one.refresh();
  });
}

/** Among several authorities one that reaches the store is known to have heard of what the others did. */
export function beatsOf(
  peers: Peers,
  { changes }: Pick<Store, 'changes'>,
): (listener: () => void) => () => void {
  return (listener) =>
    peers.onBeat(async () => {
      await changes.catchUp();
      if (changes.isCurrent()) listener();
    });
}
