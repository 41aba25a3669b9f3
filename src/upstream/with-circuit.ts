import type { Clock } from '../kernel/clock.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { type Attempt, type Circuit, type CircuitLimits, createCircuit } from './circuit.ts';
import { agentOf } from './party.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from './upstream.ts';

export interface CircuitOptions {
  readonly clock: Clock;
  readonly limits: CircuitLimits;
  /** Whether callers share what is asked: with HTTP one server, with stdio a child for each. */
  readonly shared: boolean;
  readonly log: (line: string) => void;
}

/** Callers whose circuits are remembered. */
const mostCallers = 10_000;

/**
 * Leaves a server alone that fails again and again. That no connection can be made says something of the server, so such
 * failures of anybody count for everybody. That an answer does not come, breaks off or is no MCP may be the question's fault: such
 * failures count for the caller that met them, and for everybody once for each caller, so that nobody can close a
 * server to others. Throws Fault `circuit_open` besides what the upstream throws.
 */
export function withCircuit(upstream: Upstream, options: CircuitOptions): Upstream {
  const { clock, limits, shared, log } = options;
  const { name } = upstream;
  let cause = '';
  const create = (whom: string): Circuit =>
    createCircuit(clock, limits, (milliseconds) => {
      const line =
        milliseconds === 0
          ? `Server ${name} answers again${whom}.`
          : `Server ${name} is left alone for ${milliseconds / 1_000} s${whom}: ${cause}`;
      log(line);
    });
  const ofAll = create('');
  const ofCallers = new Map<string, Circuit>();
  /** Who has failed since the server last answered anybody. */
  const failed = new Set<string>();

  const refused = (milliseconds: number): Fault => {
    // Why it failed is for the log: it may be another caller's matter.
    const detail = `MCP server ${name} failed ${limits.failures} times in a row and is left alone for a moment.`;
    return new Fault('circuit_open', detail, { retryAfterMilliseconds: milliseconds });
  };
  const begin = (caller: string): Attempts => {
    const all = shared ? ofAll.attempt() : null;
    if (typeof all === 'number') throw refused(all);
    // Most callers never fail; only those that do have a circuit of their own.
    const own = ofCallers.get(caller)?.attempt() ?? null;
    if (typeof own !== 'number') return { all, own };
    all?.undecided();
    throw refused(own);
  };
  const succeeded = ({ all, own }: Attempts, caller: string): void => {
    all?.succeeded();
    failed.clear();
    if (ofCallers.size === 0) return;
    (own ?? ofCallers.get(caller)?.earlier)?.succeeded();
    ofCallers.delete(caller);
  };
  const undecided = ({ all, own }: Attempts): void => {
    all?.undecided();
    own?.undecided();
  };
  const failedWith = (why: string, { all, own }: Attempts, caller: string, weight: Weight): void => {
    cause = why;
    (own ?? (ofCallers.get(caller) ?? remember(caller)).earlier).failed();
    if (weight === 'server' || !failed.has(caller)) all?.failed();
    else all?.undecided();
    if (failed.size < mostCallers) failed.add(caller);
  };
  const remember = (caller: string): Circuit => {
    const [oldest] = ofCallers.keys();
    if (ofCallers.size >= mostCallers && oldest !== undefined) ofCallers.delete(oldest);
    const circuit = create(` as far as ${caller} goes`);
    ofCallers.set(caller, circuit);
    return circuit;
  };

  return {
    name,
    async send(request: UpstreamRequest): Promise<UpstreamResponse> {
      // An agent has one circuit, whoever it acts for: it must not count for everybody once for each person.
      const caller = agentOf(request.caller);
      const attempts = begin(caller);
      let response: UpstreamResponse;
      try {
        response = await upstream.send(request);
      } catch (error) {
        const weight = error instanceof Fault ? weightOf(error) : null;
        if (weight === null) undecided(attempts);
        else failedWith(errorText(error), attempts, caller, weight);
        throw error;
      }
      if (overloaded.has(response.status))
        failedWith(`it answered ${response.status}.`, attempts, caller, 'call');
      else succeeded(attempts, caller);
      return response;
    },
    health() {
      const { state } = ofAll;
      const agents = [...ofCallers.values()].filter((own) => own.state !== 'closed').length;
      const circuit = { state, agents };
      if (state === 'closed') return { ...upstream.health(), circuit };
      return { state: 'down', detail: `left alone for a moment (circuit ${state}): ${cause}`, circuit };
    },
    async endCaller(caller) {
      ofCallers.delete(caller);
      await upstream.endCaller(caller);
    },
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

/** Whom a failure says something of. */
type Weight = 'server' | 'call';

interface Attempts {
  /** null where callers share nothing. */
  readonly all: Attempt | null;
  /** null for a caller that has not failed of late. */
  readonly own: Attempt | null;
}

const weights: Readonly<Partial<Record<FaultCode, Weight>>> = {
  upstream_unreachable: 'server',
  upstream_timeout: 'call',
  upstream_failed: 'call',
  upstream_garbage: 'call',
};

/** null: it says nothing of the server. */
function weightOf({ code, retryAfterMilliseconds }: Fault): Weight | null {
  // Whoever says when to come again has not asked the server at all.
  return retryAfterMilliseconds === null ? (weights[code] ?? null) : null;
}

/** Answers with which a server, or what stands before it, says that it cannot. */
const overloaded: ReadonlySet<number> = new Set([502, 503, 504]);
