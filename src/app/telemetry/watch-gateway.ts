import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { RunningGateway } from '../compose/compose-gateway.ts';
import { clockTolerance } from '../../identity/standing.ts';
import type { Clock } from '../../kernel/clock.ts';
import { endOf } from './end-of-certificate.ts';

type Watched = Pick<Telemetry, 'meters' | 'checks'>;

/** Measures a gateway at work, and says whether it is ready. */
export function watchGateway(gateway: RunningGateway, { meters, checks }: Watched, clock: Clock): void {
  const { view, upstreams } = gateway;
  meters.gauge('liveCalls', gateway.liveCalls);
  meters.gauge('agentConnections', () => [...gateway.agents.connections()].length);
  meters.gauge('stdioChildren', gateway.children);
  meters.gauge('registrySequence', view.sequence);
  meters.gauge('registryWentBack', view.timesWentBack);
  meters.gauge('registryAge', () => {
    const silence = view.silence();
    return silence === null ? null : silence / 1_000;
  });
  meters.gauge('registryStale', () => (view.isFresh() ? 0 : 1));
  meters.gauge('ownCertificateEnd', () => [[['gateway'], endOf(gateway.certificate())]]);
  meters.gauge('serverDown', () =>
    upstreams.health().map(({ name, state }) => [[name], state === 'down' ? 1 : 0]),
  );
  meters.gauge('circuitOpen', () =>
    upstreams.health().map(({ name, circuit }) => [[name], circuit && circuit.state !== 'closed' ? 1 : 0]),
  );
  checks.add('gateway', 'needed', () => {
    const draining = gateway.draining();
    return { ok: !draining, detail: draining ? 'ending: calls are served elsewhere' : 'serving' };
  });
  checks.add('registry', 'needed', () => {
    const behind = view.identity.behind(clock.now());
    if (behind > clockTolerance) {
      const seconds = Math.round(behind / 1_000);
      return { ok: false, detail: `the clock here is ${seconds} s behind that of the authority` };
    }
    const fresh = view.isFresh();
    return { ok: fresh, detail: fresh ? `as of change ${view.sequence()}` : 'not heard from the authority' };
  });
  watchSharedMemory(gateway, { meters, checks });
  // A server that is down is that server's matter; calls to the others are served.
  checks.addAll('told', () =>
    upstreams.health().map(({ name, state, detail }) => ({
      name: `server ${name}`,
      ok: state !== 'down',
      detail: detail || state,
    })),
  );
}

/** A memory that is away stops nothing, unless it is configured that nothing is let in without it. */
function watchSharedMemory(gateway: RunningGateway, { meters, checks }: Watched): void {
  const shared = gateway.sharedMemory();
  if (!shared) return;
  meters.gauge('sharedMemoryUp', () => (gateway.sharedMemory()?.up ? 1 : 0));
  meters.gauge('sharedMemoryAway', () => gateway.sharedMemory()?.timesAway ?? null);
  meters.gauge('sharedMemoryAlone', () => gateway.sharedMemory()?.alone ?? null);
  checks.add('shared-memory', shared.needed ? 'needed' : 'told', () => {
    const state = gateway.sharedMemory();
    return { ok: state?.up ?? true, detail: state?.detail ?? 'none' };
  });
}
