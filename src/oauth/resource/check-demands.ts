import { Fault } from '../../kernel/fault.ts';
import type { Grant } from './grant.ts';
import type { Demand, ServerTokenRule } from './token-rules.ts';
import { skew } from './verify-token.ts';

/** One thing that a message asks for. */
export interface TokenAsk {
  /** The MCP method. */
  readonly method: string;
  /** The tool of a tools/call, else null. */
  readonly tool: string | null;
}

/** Everything that is needed for what is asked, met or not. */
export interface Needed {
  readonly scopes: readonly string[];
  readonly acr: readonly string[] | null;
  /** In milliseconds. */
  readonly maxAge: number | null;
  readonly stepUpScope: string | null;
}

/** A token that is good and not good enough. */
export class DemandFault extends Fault {
  readonly needed: Needed;

  constructor(code: 'scope_insufficient' | 'login_insufficient', detail: string, needed: Needed) {
    super(code, detail);
    this.needed = needed;
  }
}

/**
 * Holds a grant to what its server wants for everything that is asked at once. Throws DemandFault that names all scopes that
 * are needed, not only the missing ones: a client asks for them together.
 */
export function checkDemands(
  grant: Grant,
  rule: ServerTokenRule,
  asks: readonly TokenAsk[],
  now: number,
): void {
  const demands =
    rule.demands.length === 0
      ? []
      : rule.demands.filter((demand) => asks.some((ask) => fitsDemand(demand, ask)));
  const scopes = [...new Set([...rule.scopes, ...demands.flatMap((demand) => demand.scopes)])];
  if (!scopes.every((scope) => grant.scopes.includes(scope))) {
    const detail = `The token lacks a scope; ${scopes.join(' ')} are needed for this.`;
    throw new DemandFault('scope_insufficient', detail, needing(scopes, null));
  }
  const unmet = demands.find((demand) => !isLoginGood(grant, demand, now));
  if (unmet) throw new DemandFault('login_insufficient', loginText(unmet), needing(scopes, unmet));
}

/** Whether a demand is one for what is asked. */
export function fitsDemand({ methods, tools }: Demand, { method, tool }: TokenAsk): boolean {
  if (!methods.has(method)) return false;
  if (!tools) return true;
  return tool !== null && tools.some((each) => fits(each, tool));
}

function fits(pattern: string, tool: string): boolean {
  return pattern.endsWith('*') ? tool.startsWith(pattern.slice(0, -1)) : pattern === tool;
}

/** RFC 9470 §4. */
function isLoginGood({ acr, authenticatedAt }: Grant, demand: Demand, now: number): boolean {
  if (demand.acr && (acr === null || !demand.acr.includes(acr))) return false;
  return (
    demand.maxAge === null || (authenticatedAt !== null && now - authenticatedAt <= demand.maxAge + skew)
  );
}

function needing(scopes: readonly string[], unmet: Demand | null): Needed {
  const { acr = null, maxAge = null, stepUpScope = null } = unmet ?? {};
  return { scopes, acr, maxAge, stepUpScope };
}

function loginText({ acr, maxAge }: Demand): string {
  const wanted = [
    ...(acr ? [`of the kind ${acr.join(' or ')}`] : []),
    ...(maxAge === null ? [] : [`at most ${maxAge / 1_000} s ago`]),
  ];
  return `The person has to have logged in ${wanted.join(', ')}. Log in again.`;
}
