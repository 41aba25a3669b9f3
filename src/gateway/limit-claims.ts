import type { AgentRecord } from '../identity/agent-record.ts';
import type { Inbound } from '../mcp/message.ts';
import type { LimitRule, LimitRules, LimitSubject } from './limit-rule.ts';
import type { Claim } from './limit-store.ts';

/** Who calls, as limits see it. */
export interface LimitedCaller {
  readonly agent: Pick<AgentRecord, 'name' | 'roles'>;
  /** The person the call is made for; null as long as that is not known. */
  readonly person: string | null;
}

/** Which counters a request is counted in. */
export interface LimitClaims {
  /** Of the caller alone: counted for every request, before policy decides. Without its person where that is not known. */
  ofCaller(caller: LimitedCaller, calls: number): readonly Claim[];
  /** Of the caller's person, once it is known: what `ofCaller` left out. */
  ofPerson(caller: LimitedCaller): readonly Claim[];
  /** Of server, tool or everybody together: counted for what policy permits. */
  ofCall(caller: LimitedCaller, server: string, inbound: Inbound | null): readonly Claim[];
}

interface Kept {
  readonly ofCaller: readonly Claim[];
  readonly ofPerson: readonly Claim[];
  readonly ofCalls: Map<string, readonly Claim[]>;
}

/** Persons of one agent whose claims are kept ready. */
const mostPersons = 16;
/** Combinations of server and tool whose claims are kept ready for one agent. */
const mostKept = 256;

/** The claims under one set of rules. Those of single calls are kept ready: the names in them repeat. */
export function createLimitClaims(rules: LimitRules): LimitClaims {
  const early = rules.filter(isOfCaller);
  const late = rules.filter((rule) => !isOfCaller(rule));
  // The registry replaces a record when anything about the agent changes, its roles included.
  const kept = new WeakMap<LimitedCaller['agent'], Map<string | null, Kept>>();

  const keptOf = (caller: LimitedCaller): Kept => {
    let persons = kept.get(caller.agent);
    if (!persons) kept.set(caller.agent, (persons = new Map()));
    const known = persons.get(caller.person);
    if (known) return known;
    const place = { server: null, tool: null, calls: 1 };
    const counted = caller.person === null ? early.filter((rule) => !isOfPerson(rule)) : early;
    const fresh: Kept = {
      ofCaller: claimsFor(counted, caller, place),
      ofPerson: claimsFor(early.filter(isOfPerson), caller, place),
      ofCalls: new Map(),
    };
    if (persons.size >= mostPersons) persons.clear();
    persons.set(caller.person, fresh);
    return fresh;
  };
  const single = (caller: LimitedCaller, server: string, tool: string | null): readonly Claim[] => {
    if (late.length === 0) return none;
    const { ofCalls } = keptOf(caller);
    // No server has a slash in its name.
    const place = tool === null ? server : `${server}/${tool}`;
    const known = ofCalls.get(place);
    if (known) return known;
    const claims = claimsFor(late, caller, { server, tool, calls: 1 });
    if (ofCalls.size >= mostKept) ofCalls.clear();
    ofCalls.set(place, claims);
    return claims;
  };

  return {
    ofCaller(caller, calls) {
      const claims = keptOf(caller).ofCaller;
      return calls === 1 ? claims : claims.map((claim) => ({ ...claim, calls }));
    },
    ofPerson: (caller) => keptOf(caller).ofPerson,
    ofCall(caller, server, inbound) {
      const message = inbound?.messages[0];
      if (!inbound || !message || inbound.messages.length === 1) {
        return single(caller, server, message ? toolOf(message) : null);
      }
      return batchClaims(late, caller, server, inbound);
    },
  };
}

/** How many calls a body counts as: a batch as its requests, anything else as one. */
export function callsIn(inbound: Inbound | null): number {
  if (!inbound || inbound.messages.length === 1) return 1;
  return Math.max(1, inbound.messages.filter(({ kind }) => kind === 'request').length);
}

const none: readonly Claim[] = Object.freeze([]);

/**
 * A rule of the caller alone is on nobody else's account, so that requests that policy refuses count as well. In
 * any other rule they do not: an agent without a right must not use up what others share.
 */
function isOfCaller({ per, only }: LimitRule): boolean {
  const own = per.includes('agent') || per.includes('person');
  return own && !per.includes('server') && !per.includes('tool') && !only.servers && !only.tools;
}

/** Whether it matters to a rule which person a call is for. */
function isOfPerson({ per, only }: LimitRule): boolean {
  return per.includes('person') || only.persons !== null;
}

/** What a call is for, as limits see it. */
export interface LimitedPlace {
  /** null while only the caller is looked at. */
  readonly server: string | null;
  /** Of a tools/call, else null. */
  readonly tool: string | null;
}

interface Place extends LimitedPlace {
  readonly calls: number;
}

function claimsFor(rules: LimitRules, caller: LimitedCaller, place: Place): readonly Claim[] {
  const claims: Claim[] = [];
  for (const rule of rules) {
    if (covers(rule, caller, place)) claims.push(claimOf(rule, caller, place));
  }
  return Object.freeze(claims);
}

function claimOf(rule: LimitRule, { agent, person }: LimitedCaller, place: Place): Claim {
  const values: Readonly<Record<LimitSubject, string | null>> = {
    agent: agent.name,
    person,
    server: place.server,
    tool: place.tool,
  };
  // With a tool, the server is part of its name.
  const key = JSON.stringify(
    rule.per.map((subject) => (subject === 'tool' ? `${place.server}/${place.tool}` : values[subject])),
  );
  return Object.freeze({ rule, key, agent: agent.name, calls: place.calls });
}

/** Whether a call counts in a rule. */
export function covers(
  { per, only }: LimitRule,
  { agent, person }: LimitedCaller,
  place: LimitedPlace,
): boolean {
  const { server, tool } = place;
  if (tool === null && (only.tools || per.includes('tool'))) return false;
  return (
    (!only.agents || only.agents.has(agent.name)) &&
    (!only.persons || (person !== null && only.persons.has(person))) &&
    (!only.roles || agent.roles.some((role) => only.roles?.has(role))) &&
    (!only.servers || (server !== null && only.servers.has(server))) &&
    (!only.tools || only.tools.has(`${server}/${tool}`))
  );
}

/** A batch counts in each counter as often as it has requests for it. */
function batchClaims(
  rules: LimitRules,
  caller: LimitedCaller,
  server: string,
  inbound: Inbound,
): readonly Claim[] {
  const claims: Claim[] = [];
  const tools = new Map<string, number>();
  for (const message of inbound.messages) {
    const tool = toolOf(message);
    if (tool !== null) tools.set(tool, (tools.get(tool) ?? 0) + 1);
  }
  for (const rule of rules) {
    const ofTools = rule.only.tools !== null || rule.per.includes('tool');
    const places: readonly Place[] = ofTools
      ? [...tools].map(([tool, calls]) => ({ server, tool, calls }))
      : [{ server, tool: null, calls: callsIn(inbound) }];
    for (const place of places) {
      if (covers(rule, caller, place)) claims.push(claimOf(rule, caller, place));
    }
  }
  return claims;
}

function toolOf({ method, target }: Inbound['messages'][number]): string | null {
  return method === 'tools/call' && target.kind === 'tool' ? target.name : null;
}
