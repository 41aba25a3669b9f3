import { join } from 'node:path';
import { type Entry, readEntry } from '../../audit/entry.ts';
import { segmentsOf } from '../../audit/log-folder.ts';
import { readLines } from '../../audit/read-lines.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { decisionRange } from '../../policy/compare/partial-decision.ts';
import { type OutcomeRange, rank } from '../../policy/compare/outcome-range.ts';
import type { PolicySet } from '../../policy/compile-policies.ts';
import { type Question, withoutLabels, withoutToken } from '../../policy/question.ts';
import type { ContextMember } from '../../policy/schema.ts';

/** Calls of one agent of one kind that the new policies decide otherwise, or of which the record does not tell enough. */
export interface ReplayedCalls {
  readonly change: string;
  readonly agent: string;
  readonly server: string;
  readonly call: string;
  count: number;
}

export interface Replay {
  readonly calls: readonly ReplayedCalls[];
  readonly looked: number;
  readonly same: number;
  /** Of agents that the registry does not know, of batches that were refused, or with names too long for the record. */
  readonly passedOver: number;
  /** Whether there were more kinds than are told apart. */
  readonly cut: boolean;
}

type Registry = ReadonlyMap<string, { readonly owner: string; readonly roles: readonly string[] }>;

// More kinds of calls than a person reads; the memory of a replay is bounded by it.
const mostKinds = 10_000;
const refusals: ReadonlySet<string> = new Set(['denied', 'policy_error', 'call_unapproved']);

/** Puts the calls of a log since a time to policies, line by line. `registry`: the agents as they are now. */
export async function replayLog(
  folder: string,
  since: number,
  { policies, registry }: { readonly policies: PolicySet; readonly registry: Registry },
): Promise<Replay> {
  const kinds = new Map<string, ReplayedCalls>();
  let [looked, same, passedOver, cut] = [0, 0, 0, false];
  for await (const entry of entriesSince(folder, since)) {
    const before = outcomeOf(entry.event);
    if (before === null) continue;
    const messages = Array.isArray(entry.event['messages'])
      ? entry.event['messages'].filter(isJsonObject)
      : [];
    for (const message of messages) {
      if (message['kind'] !== 'request') continue;
      looked += 1;
      const asked = before !== 'permit' && messages.length > 1 ? null : questionOf(entry, message, registry);
      const change = asked && changeOf(before, decisionRange(policies, asked));
      if (change === null || !asked) passedOver += 1;
      else if (change === '') same += 1;
      else cut = !count(kinds, change, asked.question) || cut;
    }
  }
  return { calls: [...kinds.values()].sort((a, b) => b.count - a.count), looked, same, passedOver, cut };
}

function count(kinds: Map<string, ReplayedCalls>, change: string, question: Question): boolean {
  const { server, action, target } = question;
  const name = target.kind === 'server' ? '' : target.kind === 'resource' ? target.uri : target.name;
  const call = `${action} ${name}`.trim();
  const key = JSON.stringify([change, question.agent.name, server, call]);
  const known = kinds.get(key);
  if (known) known.count += 1;
  else if (kinds.size >= mostKinds) return false;
  else kinds.set(key, { change, agent: question.agent.name, server, call, count: 1 });
  return true;
}

const names = ['refused', 'asked', 'permitted'] as const;

/** '' when it is decided the same. */
function changeOf(before: keyof typeof rank, { least, most, asked }: OutcomeRange): string {
  const was = rank[before];
  if (least === most) return least === was ? '' : `${names[was]} → ${names[least]}`;
  const possible = names.filter((_, at) => at >= least && at <= most && (at !== rank.ask || asked));
  return `${names[was]} → ${possible.join(' or ')}: depends on what is not on record`;
}

function outcomeOf(event: Entry['event']): keyof typeof rank | null {
  if (event.type === 'call.permitted') return 'permit';
  if (event.type !== 'call.refused' || !refusals.has(text(event['code']))) return null;
  return event['code'] === 'call_unapproved' ? 'ask' : 'deny';
}

const noArguments: ReadonlySet<string> = new Set([sha256Base64url('{}'), sha256Base64url('null')]);

/** What was asked, as far as it is on record; null when that is not enough. */
function questionOf(
  { time, event }: Entry,
  message: JsonObject,
  registry: Registry,
): { readonly question: Question; readonly unknown: ReadonlySet<ContextMember> } | null {
  const { agent, server, address, binding, client, person, actors } = event;
  const record = typeof agent === 'string' ? registry.get(agent) : undefined;
  const method = text(message['method']);
  const target = targetOf(method, text(message['target']));
  if (!record || typeof agent !== 'string' || typeof server !== 'string' || !target) return null;
  const withToken = typeof binding === 'string';
  const unknown: ContextMember[] = ['profile', 'key', 'labels', 'touched'];
  unknown.push('passport', 'passportScopes', 'passportValues', 'passportReputation', 'passportReversibility');
  if (withToken) unknown.push('scopes', 'acr');
  if (!noArguments.has(text(message['argumentsHash']))) unknown.push('arguments');
  return {
    question: {
      agent: { name: agent, ...record },
      action: method,
      server,
      target,
      context: {
        arguments: {},
        time: new Date(time).getTime(),
        address: text(address),
        profile: 'agent',
        ...withoutToken,
        ...(withToken && {
          binding: binding as Question['context']['binding'],
          client: nullable(client),
          person: nullable(person),
          actors: Array.isArray(actors) ? actors.map(text) : [],
        }),
        key: 'unknown',
        ...withoutLabels,
      },
    },
    unknown: new Set(unknown),
  };
}

function targetOf(method: string, name: string): Question['target'] | null {
  // A long name is on record by its beginning only.
  if (method === '' || name.includes('… (sha256 ')) return null;
  if (method === 'tools/call') return { kind: 'tool', name };
  if (method === 'prompts/get') return { kind: 'prompt', name };
  if (/^resources\/(read|subscribe|unsubscribe)$/.test(method)) return { kind: 'resource', uri: name };
  return name === '' ? { kind: 'server' } : null;
}

async function* entriesSince(folder: string, since: number): AsyncGenerator<Entry> {
  for (const { name } of await segmentsOf(folder)) {
    for await (const line of readLines(join(folder, name))) {
      if (!line.whole || line.text === null) continue;
      const entry = readEntry(line.text);
      if (new Date(entry.time).getTime() >= since) yield entry;
    }
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function nullable(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The agents of `agent.list`, by name. */
export function registryOf(agents: Json): Registry {
  const rows = Array.isArray(agents) ? agents.filter(isJsonObject) : [];
  return new Map(
    rows.map(({ name, owner, roles }) => [
      text(name),
      { owner: text(owner), roles: Array.isArray(roles) ? roles.map(text) : [] },
    ]),
  );
}
