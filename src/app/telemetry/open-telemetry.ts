import type { Clock } from '../../kernel/clock.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { otlpMetrics } from '../../telemetry/otlp-metrics.ts';
import { createTelemetry, type Telemetry } from '../../telemetry/telemetry.ts';
import type { Config } from '../config/config.ts';
import { openTracing, type Tracing } from './open-tracing.ts';

/** What a process measures and traces for as long as it works. */
export type RunningTelemetry = Telemetry & AsyncDisposable;

/** As the configuration wants it. `service`: what the process is to whoever keeps traces. Throws what reading a file throws. */
export async function openTelemetry(
  { telemetry: config }: Config,
  ports: { readonly clock: Clock; readonly redactor: Redactor; readonly service: string },
): Promise<RunningTelemetry> {
  // A row for each outcome of each agent.
  const most = { agentCalls: config.countedAgents * 3 };
  if (config.otlp.url === '') {
    return { ...createTelemetry(most), [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  await using opened = new AsyncDisposableStack();
  const tracing = opened.use(await openTracing(config, ports));
  const { tracer, exporter } = tracing;
  const telemetry = createTelemetry(most, tracer);
  telemetry.meters.gauge('spansSent', exporter.sent);
  telemetry.meters.gauge('spansDropped', exporter.dropped);
  telemetry.checks.add('traces', 'told', () => {
    const problem = exporter.problem();
    return { ok: problem === null, detail: problem ?? 'sent' };
  });
  const every = config.otlp.metricsSeconds * 1_000;
  if (every > 0) opened.use(pushMetrics(telemetry, tracing, { clock: ports.clock, every }));
  const held = opened.move();
  return { ...telemetry, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** What could not be sent is in the next sending: everything counts since the start. */
function pushMetrics(
  { meters }: Telemetry,
  { sender, resource }: Tracing,
  { clock, every }: { readonly clock: Clock; readonly every: number },
): Disposable {
  const startedAt = clock.now();
  let busy = false;
  const push = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      const readings = await meters.read();
      await sender.send('metrics', otlpMetrics(readings, resource, { startedAt, now: clock.now() }));
    } catch {
      meters.add('metricPushesFailed', []);
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void push(), every);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
