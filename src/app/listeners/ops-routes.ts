import type { Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';

/** What the process says of itself. */
export interface Health {
  /** Whether calls can be served now. */
  readonly ready: boolean;
  /** One row per part: its state in a word, and why when it is not well. */
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Answers the `ops` listener: `/healthz` (alive), `/readyz` (can serve), `/metrics` (Prometheus text). */
export async function answerOps(exchange: Exchange, health: () => Health | Promise<Health>): Promise<void> {
  try {
    if (exchange.method !== 'GET') throw new Fault('method_not_allowed', 'This listener has GET only.');
    switch (exchange.path) {
      case '/healthz':
        return await answer(exchange, 200, { alive: true });
      case '/readyz': {
        const { ready, parts } = await health();
        return await answer(exchange, ready ? 200 : 503, { ready, parts });
      }
      case '/metrics':
        return await exchange.respond(
          200,
          { 'content-type': 'text/plain; version=0.0.4' },
          metricsText(await health()),
        );
      default:
        throw new Fault('not_found', 'This listener has /healthz, /readyz and /metrics.');
    }
  } catch (error) {
    await answerProblem(exchange, toFault(error));
  }
}

async function answer(exchange: Exchange, status: number, value: Json): Promise<void> {
  await exchange.respond(status, { 'content-type': 'application/json' }, `${JSON.stringify(value)}\n`);
}

function metricsText(health: Health): string {
  const lines = Object.entries(health.metrics).map(([name, value]) => `countersign_${name} ${value}`);
  return `${lines.join('\n')}\n`;
}
