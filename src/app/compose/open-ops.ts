import type { Listener } from '../../http/exchange.ts';
import { listen } from '../../http/listen.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Config } from '../config/config.ts';
import { answerOps } from '../listeners/ops-routes.ts';
import type { Report } from '../../telemetry/by-worker.ts';
import type { Workers } from '../workers/run-workers.ts';
import { reportOf, withWorkers } from '../workers/workers-health.ts';
import { watchProcess } from '../telemetry/watch-process.ts';

/** Opens the `ops` listener: health and metrics of whatever runs in this process. */
export async function openOps(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** In whose processes the gateway is, where it is not in this one. */
  readonly workers?: Workers | null;
}): Promise<Listener> {
  const { config, clock, telemetry, workers } = options;
  const report = async (): Promise<Report> => {
    const own = await reportOf(telemetry);
    return workers ? await withWorkers(own, workers) : own;
  };
  const { host, port, hosts, origins } = config.listeners.ops;
  await using opened = new AsyncDisposableStack();
  opened.use(watchProcess(telemetry, clock));
  const listener = opened.use(
    await listen({
      name: 'ops',
      host,
      port,
      tls: null,
      hosts,
      origins,
      handle: (exchange) => answerOps(exchange, report),
      clock,
      engine: config.http.engine,
    }),
  );
  const held = opened.move();
  return {
    ...listener,
    close: (grace) => listener.close(grace),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
