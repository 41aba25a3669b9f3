import type { Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { formatAsked, metricsMedia, metricsText } from '../../telemetry/metrics-text.ts';
import type { Report } from '../../telemetry/by-worker.ts';

/**
 * Answers the `ops` listener: `/livez` or `/healthz` (alive, whatever else is down), `/readyz` (can serve), `/startupz`
 * (could serve once since the start), `/metrics` (Prometheus text, or OpenMetrics where that is asked for).
 */
export async function answerOps(exchange: Exchange, report: () => Promise<Report>): Promise<void> {
  try {
    if (exchange.method !== 'GET') throw new Fault('method_not_allowed', 'This listener has GET only.');
    switch (exchange.path) {
      case '/livez':
      case '/healthz':
        return await answer(exchange, 200, { alive: true });
      case '/readyz': {
        const { ready, parts } = (await report()).health;
        return await answer(exchange, ready ? 200 : 503, { ready, parts });
      }
      case '/startupz': {
        const { started, parts } = (await report()).health;
        return await answer(exchange, started ? 200 : 503, { started, parts });
      }
      case '/metrics': {
        const format = formatAsked(exchange.headers.get('accept'));
        const text = metricsText((await report()).readings, format);
        return await exchange.respond(200, { 'content-type': metricsMedia[format] }, text);
      }
      default:
        throw new Fault('not_found', 'This listener has /livez, /readyz, /startupz and /metrics.');
    }
  } catch (error) {
    await answerProblem(exchange, toFault(error));
  }
}

async function answer(exchange: Exchange, status: number, value: Json): Promise<void> {
  await exchange.respond(status, { 'content-type': 'application/json' }, `${JSON.stringify(value)}\n`);
}
