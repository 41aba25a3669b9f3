import type { Listener } from '../../http/exchange.ts';
import { listen } from '../../http/listen.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';
import { clockTolerance } from '../../identity/standing.ts';
import type { RegistryView } from '../feed/registry-view.ts';
import type { Authority } from '../authority/authority.ts';
import type { Config } from '../config/config.ts';
import { answerOps, type Health } from '../listeners/ops-routes.ts';
import type { RunningEnds } from './compose-ends.ts';
import type { RunningExpiryWatch } from './watch-ends.ts';
import { addKeptLog } from './log-health.ts';
import type { KeptLog } from './keep-log.ts';
import type { Workers } from '../workers/run-workers.ts';
import { withWorkers } from '../workers/workers-health.ts';
import type { RunningGateway } from './compose-gateway.ts';

/** Opens the `ops` listener: health and metrics of whatever runs in this process. */
export async function openOps(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly authority: Authority | null;
  /** Beside an authority that publishes. */
  readonly ends?: RunningEnds;
  readonly expiry?: RunningExpiryWatch;
  /** What becomes of the authority's log. */
  readonly kept?: KeptLog;
  readonly gateway: RunningGateway | null;
  /** In place of that. */
  readonly workers?: Workers | null;
}): Promise<Listener> {
  const { config, clock, workers } = options;
  const { host, port, hosts, origins } = config.listeners.ops;
  return await listen({
    name: 'ops',
    host,
    port,
    tls: null,
    hosts,
    origins,
    handle: (exchange) =>
      answerOps(exchange, () => (workers ? withWorkers(healthOf(options), workers) : healthOf(options))),
    clock,
    engine: config.http.engine,
  });
}

/** How what runs in this process is. */
export function healthOf(options: {
  readonly clock: Clock;
  readonly authority: Authority | null;
  readonly ends?: RunningEnds;
  readonly expiry?: RunningExpiryWatch;
  /** What becomes of the authority's log. */
  readonly kept?: KeptLog;
  readonly gateway: RunningGateway | null;
}): Health {
  const { authority, ends, expiry, gateway, clock } = options;
  const parts: Record<string, { ok: boolean; detail: string }> = {};
  const metrics: Record<string, number> = {};
  if (authority) {
    const log = authority.audit.health();
    parts['authority-log'] = { ok: log.writable, detail: log.reason ?? 'writable' };
    const problem = authority.policyProblem();
    parts['policies'] = { ok: problem === null, detail: problem?.message ?? 'in force' };
    metrics['intermediate_not_after_seconds'] = authority.describe().intermediateNotAfter / 1_000;
  }
  if (ends) addEnds(ends, { now: clock.now(), parts, metrics });
  if (expiry) {
    const problem = expiry.problem();
    parts['alerts'] = { ok: problem === null, detail: problem ?? 'told' };
    Object.assign(metrics, expiry.metrics());
  }
  if (gateway) {
    if (gateway.draining()) parts['gateway'] = { ok: false, detail: 'ending: calls are served elsewhere' };
    const log = gateway.audit.health();
    parts['gateway-log'] = { ok: log.writable, detail: log.reason ?? 'writable' };
    parts['registry'] = healthOfView(gateway.view, clock.now());
    for (const { name, state, detail } of gateway.upstreams.health()) {
      parts[`server ${name}`] = { ok: state !== 'down', detail: detail || state };
      metrics[`server_down{server="${name}"}`] = state === 'down' ? 1 : 0;
    }
    addSharedMemory(gateway, parts, metrics);
    metrics['live_calls'] = gateway.liveCalls();
    metrics['agent_connections'] = [...gateway.agents.connections()].length;
    metrics['registry_sequence'] = gateway.view.sequence();
    metrics['registry_went_back_total'] = gateway.view.timesWentBack();
  }
  for (const kept of [options.kept, gateway?.kept]) {
    if (kept) addKeptLog(kept, clock.now(), { parts, metrics });
  }
  // A server that is down is that server's matter; calls to the others are served.
  const ready = Object.entries(parts).every(
    ([name, part]) =>
      part.ok ||
      name.startsWith('server ') ||
      name.startsWith('export ') ||
      name.startsWith('witness ') ||
      stopsNothing.includes(name),
  );
  return { ready, parts, metrics };
}

function healthOfView({ identity, sequence }: RegistryView, now: number) {
  const behind = identity.behind(now);
  if (behind > clockTolerance) {
    const detail = `the clock here is ${Math.round(behind / 1_000)} s behind that of the authority`;
    return { ok: false, detail };
  }
  const ok = identity.fresh(now);
  return { ok, detail: ok ? `as of change ${sequence()}` : 'not heard from the authority' };
}

/** Parts that gateways of ours can do without. */
const stopsNothing: readonly string[] = [
  'policies',
  'crls',
  'root-crl',
  'alerts',
  'audit-retention',
  'shared-memory',
];

/** A memory that is away stops nothing, unless it is configured that nothing is let in without it. */
function addSharedMemory(
  gateway: RunningGateway,
  parts: Record<string, { ok: boolean; detail: string }>,
  metrics: Record<string, number>,
): void {
  const shared = gateway.sharedMemory();
  if (!shared) return;
  const { up, detail, timesAway, alone, needed } = shared;
  parts[needed ? 'shared-memory-needed' : 'shared-memory'] = { ok: up, detail };
  metrics['shared_memory_up'] = up ? 1 : 0;
  metrics['shared_memory_away_total'] = timesAway;
  metrics['shared_memory_local_limits_total'] = alone;
}

/** When the lists end, so that somebody hears of it before their verifiers do. */
function addEnds(
  { crls, ownRootCrl }: RunningEnds,
  into: {
    readonly now: number;
    readonly parts: Record<string, { ok: boolean; detail: string }>;
    readonly metrics: Record<string, number>;
  },
): void {
  const { now, parts, metrics } = into;
  try {
    const { number, nextUpdate } = crls().current();
    parts['crls'] = { ok: true, detail: `number ${number}` };
    metrics['crl_number'] = number;
    metrics['crl_next_update_seconds'] = nextUpdate / 1_000;
  } catch (error) {
    parts['crls'] = { ok: false, detail: errorText(error) };
  }
  const root = ownRootCrl();
  if (!root) return;
  const ended = now > root.nextUpdate;
  parts['root-crl'] = {
    ok: !ended,
    detail: ended ? 'has ended; make one with: countersign root crl' : `number ${root.number}`,
  };
  metrics['root_crl_next_update_seconds'] = root.nextUpdate / 1_000;
}
