import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { UpstreamLimits } from './limits.ts';
import { isCallers } from './party.ts';

/** Keeps a server that fails from being started over and over; per caller, so that nobody can block another. */
export interface BackOff {
  /** Throws Fault `upstream_unreachable` while the wait lasts. */
  check(caller: string): void;
  /** `wasWell`: it had worked before it failed, so the wait starts over from the shortest. */
  failed(caller: string, fault: Fault, wasWell: boolean): void;
  forget(caller: string): void;
}

/** Callers whose failures are remembered. */
const mostCallers = 10_000;

export function createBackOff(name: string, clock: Clock, limits: UpstreamLimits): BackOff {
  const waits = new Map<
    string,
    { readonly failures: number; readonly until: number; readonly fault: Fault }
  >();
  return {
    check(caller) {
      const wait = waits.get(caller);
      const left = wait ? wait.until - clock.monotonic() : 0;
      if (!wait || left <= 0) return;
      const detail = `MCP server ${name} is down (${wait.fault.message}) and is tried again in ${Math.ceil(left)} ms.`;
      throw new Fault('upstream_unreachable', detail, { cause: wait.fault, retryAfterMilliseconds: left });
    },
    failed(caller, fault, wasWell) {
      const failures = wasWell ? 0 : (waits.get(caller)?.failures ?? 0);
      const wait = Math.min(limits.backoffMilliseconds * 2 ** failures, limits.longestBackoffMilliseconds);
      waits.delete(caller);
      waits.set(caller, { failures: failures + 1, until: clock.monotonic() + wait, fault });
      const [oldest] = waits.keys();
      if (waits.size > mostCallers && oldest !== undefined) waits.delete(oldest);
    },
    forget(caller) {
      for (const party of waits.keys()) if (isCallers(party, caller)) waits.delete(party);
    },
  };
}
