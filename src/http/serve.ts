import { Fault, toFault } from '../kernel/fault.ts';
import type { NotHttp } from '../wire/not-http.ts';
import type { LiveConnection } from './connection.ts';
import type { ServedExchange } from './engine.ts';
import type { Exchange } from './exchange.ts';
import type { HostGuard } from './host-guard.ts';
import { answerProblem } from './problem.ts';

/** What happens to a request once its head is read. */
export interface Serving {
  readonly guard: HostGuard;
  /** Whether a request may come over a connection whose client certificate did not verify. */
  admitsUnverified(exchange: Exchange): boolean;
  handle(exchange: Exchange): Promise<void>;
  refused(stage: 'http', address: string, reason: string): void;
  onError(error: unknown): void;
}

/** One request from its head to the end of its answer; never rejects. */
export async function serve(
  exchange: ServedExchange,
  connection: LiveConnection,
  wrong: NotHttp | null,
  serving: Serving,
): Promise<void> {
  try {
    const refusal = refusalOf(exchange, connection, wrong, serving);
    if (refusal) {
      serving.refused('http', connection.address, refusal.message);
      return await answerProblem(exchange, refusal);
    }
    await serving.handle(exchange);
    if (!exchange.answered && !exchange.gone) throw new Error('the handler ended without an answer');
  } catch (error) {
    const fault = toFault(error);
    if (fault.code === 'internal') serving.onError(fault.cause ?? fault);
    // With the head out, only a broken end tells the peer that the answer is incomplete.
    if (exchange.answered) exchange.abort();
    else await answerProblem(exchange, fault).catch(() => exchange.abort());
  }
}

function refusalOf(
  exchange: Exchange,
  connection: LiveConnection,
  wrong: NotHttp | null,
  { guard, admitsUnverified }: Serving,
): Fault | null {
  if (wrong !== null) return new Fault('invalid_input', `Refused: ${wrong.message}.`, { cause: wrong });
  if (connection.refusal !== null && !admitsUnverified(exchange)) {
    return new Fault('identity_refused', `Refused: ${connection.refusal}.`);
  }
  try {
    guard.check(exchange.headers);
    return null;
  } catch (error) {
    return toFault(error);
  }
}
