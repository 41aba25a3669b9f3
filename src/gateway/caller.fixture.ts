import { approve } from '../ca/approve.ts';
import { issue } from '../ca/issue.ts';
import { memoryAuthority } from '../ca/memory-authority.ts';
import { specimenOrder } from '../ca/specimen-request.ts';
import type { AgentRecord } from '../identity/agent-record.ts';
import { identify } from '../identity/identify.ts';
import type { IdentityView } from '../identity/identity-view.ts';
import { confirmStanding, type Standing } from '../identity/standing.ts';
import { utf8 } from '../kernel/bytes.ts';
import type { Inbound } from '../mcp/message.ts';
import { readInbound } from '../mcp/read-message.ts';
import { compilePolicies } from '../policy/compile-policies.ts';
import { authorize, type Permit } from './authorize.ts';
import { type LimitRule, type LimitSubject } from './limit-rule.ts';

/** The DER of a real agent certificate. */
export async function certificateOf(name: string): Promise<Uint8Array> {
  const authority = memoryAuthority();
  authority.agentStates.set(name, 'active');
  const approved = await approve(specimenOrder({ evidence: { name } }), authority);
  return (await issue(approved, authority)).der;
}

/** A real agent certificate's standing, with the record as told. */
export async function standingOf(
  name: string,
  changes: Partial<Pick<AgentRecord, 'owner' | 'roles'>> = {},
): Promise<Standing> {
  const authority = memoryAuthority();
  const { trustDomain } = authority.issuer;
  const record: AgentRecord = {
    name,
    owner: 'a person',
    purpose: 'tests',
    roles: [],
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt: 0,
    lastSeen: null,
    ...changes,
  };
  const view: IdentityView = {
    trustDomain,
    agent: () => record,
    serialStatus: () => 'good',
    partner: () => null,
    profileOf: () => 'agent',
    inHardware: () => false,
    fresh: () => true,
    behind: () => 0,
  };
  const caller = identify(await certificateOf(name), { trustDomain, kinds: ['agent'] });
  return confirmStanding(caller, view, authority.clock.now());
}

/** Calls of tools in one body: a batch when there are several. */
export function callsOf(...tools: readonly string[]): Inbound {
  const calls = tools.map((name, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: {} },
  }));
  const headers = new Map([
    ['content-type', 'application/json'],
    ['accept', 'application/json, text/event-stream'],
    ['mcp-protocol-version', '2025-03-26'],
  ]);
  return readInbound({
    headers: { get: (name) => headers.get(name) ?? null, entries: () => headers.entries() },
    body: utf8(JSON.stringify(calls.length === 1 ? calls[0] : calls)),
  });
}

/** Circumstances in which nothing has a label. */
export const withoutFlow = { labels: null, touched: null } as const;

/** What a policy that permits everything says to a body. */
export function permitOf(standing: Standing, server: string, inbound: Inbound | null): Permit {
  const everything = compilePolicies([{ name: 'all.cedar', text: 'permit (principal, action, resource);' }]);
  return authorize(everything, standing, inbound, {
    server,
    address: '127.0.0.1',
    grant: null,
    passports: null,
    time: 0,
    ...withoutFlow,
  });
}

/** A rule that limits nothing, changed as told. */
export function aRule(
  name: string,
  per: readonly LimitSubject[],
  changes: Partial<Omit<LimitRule, 'name' | 'per' | 'only'>> & { readonly only?: Partial<LimitRule['only']> },
): LimitRule {
  return {
    name,
    per,
    rate: null,
    concurrent: null,
    budget: { hour: null, day: null },
    ...changes,
    only: { agents: null, roles: null, persons: null, servers: null, tools: null, ...changes.only },
  };
}
