import { errorText } from '../../kernel/fault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Authority } from '../authority/authority.ts';
import type { RunningEnds } from '../compose/compose-ends.ts';
import type { RunningExpiryWatch } from '../compose/watch-ends.ts';

/** Measures an authority at work, and says whether it is ready. */
export function watchAuthority(
  parts: {
    readonly authority: Authority;
    readonly ends: RunningEnds;
    readonly expiry: RunningExpiryWatch;
    readonly clock: Clock;
  },
  telemetry: Telemetry,
): void {
  const { authority, ends, expiry } = parts;
  const { meters, checks } = telemetry;
  meters.gauge('intermediateEnd', () => authority.describe().intermediateNotAfter / 1_000);
  meters.gauge('policiesInForce', () => (authority.policyProblem() === null ? 1 : 0));
  let waiting: number | null = null;
  meters.beforeReading(async () => {
    const calls = await authority.store.callApprovals.list(false);
    waiting = calls.filter(({ state }) => state === 'waiting').length;
  });
  meters.gauge('callsWaiting', () => waiting);
  meters.gauge('renewalsFailed', () => expiry.metrics().renewalsFailed);
  meters.gauge('certificatesEnding', () => expiry.metrics().certificatesEnding);
  meters.gauge('certificateSoonestEnd', () => expiry.metrics().certificateSoonestEnd);
  meters.gauge('alertsUnresolved', () => expiry.metrics().alertsUnresolved);
  meters.gauge('alertsUnacknowledged', () => expiry.metrics().alertsUnacknowledged);
  meters.gauge('alertMessagesWaiting', () => expiry.metrics().alertMessagesWaiting);
  // Gateways of ours can do without what is merely told.
  checks.add('policies', 'told', () => {
    const problem = authority.policyProblem();
    return { ok: problem === null, detail: problem?.message ?? 'in force' };
  });
  checks.add('alerts', 'told', () => {
    const problem = expiry.problem();
    return { ok: problem === null, detail: problem ?? 'told' };
  });
  const { peers } = authority;
  if (peers.self !== null) {
    // A balancer goes on to another: nothing is issued by one that does not reach the store.
    checks.add('peers', 'needed', () => {
      const others = peers.list().filter(({ isSelf, alive }) => !isSelf && alive).length;
      const detail = `${peers.leads() ? 'leads' : 'follows'}; ${others} others are alive`;
      return peers.isCurrent() ? { ok: true, detail } : { ok: false, detail: 'the store is not reached' };
    });
  }
  watchLists(ends, telemetry, parts.clock);
}

/** When the lists of revoked certificates end, so that somebody hears of it before their verifiers do. */
function watchLists({ crls, ownRootCrl }: RunningEnds, { meters, checks }: Telemetry, clock: Clock): void {
  meters.gauge('crlNumber', () => crls().current().number);
  meters.gauge('crlNextUpdate', () => crls().current().nextUpdate / 1_000);
  meters.gauge('rootCrlNextUpdate', () => {
    const root = ownRootCrl();
    return root && root.nextUpdate / 1_000;
  });
  checks.add('crls', 'told', () => {
    try {
      return { ok: true, detail: `number ${crls().current().number}` };
    } catch (error) {
      return { ok: false, detail: errorText(error) };
    }
  });
  checks.addAll('told', () => {
    const root = ownRootCrl();
    if (!root) return [];
    const ended = clock.now() > root.nextUpdate;
    const detail = ended ? 'has ended; make one with: countersign root crl' : `number ${root.number}`;
    return [{ name: 'root-crl', ok: !ended, detail }];
  });
}
