import type { Standing } from '../identity/standing.ts';
import type { AgentRecord } from '../identity/agent-record.ts';
import { Fault } from '../kernel/fault.ts';
import { rememberedFor } from '../kernel/remembered-for.ts';
import type { Inbound, Message, Target } from '../mcp/message.ts';
import { asksOf } from '../mcp/targets.ts';
import type { Passport } from '../oauth/agent-passport/passport-gate.ts';
import type { Grant } from '../oauth/resource/grant.ts';
import type { PolicySet } from '../policy/compile-policies.ts';
import { type Decision, type Question, withoutToken } from '../policy/question.ts';
import { askedCall } from './approval/asked-call.ts';
import type { Approval, AskedCall } from './approval/call-approvals.ts';
import type { Recalled } from './flow/flow-memory.ts';
import {
  type Labels,
  labelsIn,
  labelsOfSent,
  labelsOut,
  noLabels,
  type ServerLabels,
  union,
} from './flow/flow-rules.ts';
import { touchedText } from './flow/touched-text.ts';

/** Proof that policy permits every message of one inbound body, as it stands. Only `judge` makes one. */
export class Permit {
  readonly standing: Standing;
  readonly server: string;
  readonly inbound: Inbound | null;
  /** What the token of the request is good for; null where its server wants none. */
  readonly grant: Grant | null;
  /** By the call of a tool, what stands behind it; null where its server wants none. */
  readonly passports: Passports | null;
  readonly policies: readonly string[];
  readonly policyVersion: string;
  /** What a person approved, where policy asks for that; to be used up before anything is forwarded. */
  readonly approval: Approval | null;
  /** What policy saw of what is said of its targets. */
  readonly labels: Labels;
  /** The labels that it leaves behind. */
  readonly leaves: Labels;
  /** What its agent had used before. */
  readonly touched: Recalled | null;

  constructor(key: typeof permitKey, fields: Omit<Permit, 'never'>) {
    if (key !== permitKey) throw new TypeError('a Permit is made by judge() only');
    this.standing = fields.standing;
    this.server = fields.server;
    this.inbound = fields.inbound;
    this.grant = fields.grant;
    this.passports = fields.passports;
    this.policies = fields.policies;
    this.policyVersion = fields.policyVersion;
    this.approval = fields.approval;
    this.labels = fields.labels;
    this.leaves = fields.leaves;
    this.touched = fields.touched;
    Object.freeze(this);
  }
}

const permitKey = Symbol('permit');

/** The passports of the calls of a body. */
export type Passports = ReadonlyMap<Message, Passport>;

/** What is asked of policy, besides the message. */
export interface Circumstances {
  readonly server: string;
  readonly address: string;
  readonly grant: Grant | null;
  readonly passports: Passports | null;
  /** Epoch milliseconds. */
  readonly time: number;
  /** What is said of the server; null where nothing is said of any. */
  readonly labels: ServerLabels | null;
  /** What the agent has used before; null where that does not count, as for a list. */
  readonly touched: Recalled | null;
  /** What a person approved; none unless given. */
  readonly approval?: Approval | null;
}

/** A call that would be permitted, had a person approved it. */
export class Unapproved {
  readonly call: AskedCall;
  /** Why it is not permitted, for people. */
  readonly detail: string;

  constructor(call: AskedCall, detail: string) {
    this.call = call;
    this.detail = detail;
  }
}

/**
 * Asks policy about every message of the body, or about the session itself when there is none (GET, DELETE).
 * Throws Fault `denied`, `call_unapproved` or `policy_error` for the first message that is not permitted: a batch is permitted
 * whole or not at all, because what is forwarded is the body.
 */
export function authorize(
  policies: PolicySet,
  standing: Standing,
  inbound: Inbound | null,
  circumstances: Circumstances,
): Permit {
  const judged = judge(policies, standing, inbound, circumstances);
  if (judged instanceof Permit) return judged;
  throw new Fault('call_unapproved', judged.detail);
}

/** As `authorize`; a call that policy asks about, and that is not the one which was approved, is given back as `Unapproved`. */
export function judge(
  policies: PolicySet,
  standing: Standing,
  inbound: Inbound | null,
  circumstances: Circumstances,
): Permit | Unapproved {
  let deciding: readonly string[] = [];
  let approval: Approval | null = null;
  for (const question of questions(standing, inbound, circumstances)) {
    const decision = policies.decide(question);
    const before = touchedText(policies, decision, circumstances.touched);
    if (decision.outcome === 'deny') throw refusal(question, decision, before);
    if (decision.outcome === 'ask') {
      const unapproved = unapprovedCall({ question, decision, before }, standing, inbound, circumstances);
      approval = circumstances.approval ?? null;
      if (approval?.digest !== unapproved.call.digest) return unapproved;
      deciding = [...decision.permits, ...decision.policies];
      continue;
    }
    deciding = deciding.length === 0 ? decision.policies : [...new Set([...deciding, ...decision.policies])];
  }
  return new Permit(permitKey, {
    standing,
    server: circumstances.server,
    inbound,
    grant: circumstances.grant,
    passports: circumstances.passports,
    policies: deciding,
    policyVersion: policies.version,
    approval,
    labels: labelsAsked(inbound, circumstances.labels),
    leaves: labelsLeft(inbound, circumstances.labels),
    touched: circumstances.touched,
  });
}

interface Asked {
  readonly question: Question;
  readonly decision: Extract<Decision, { outcome: 'ask' }>;
  /** What was used before. */
  readonly before: string;
}

/** Throws Fault `call_unapproved` for a call in a batch: what waits is one call, and what is forwarded is the body. */
function unapprovedCall(
  { question, decision, before }: Asked,
  standing: Standing,
  inbound: Inbound | null,
  { server, address, grant }: Circumstances,
): Unapproved {
  const detail = refusedText(question, `${decision.detail}${before}`);
  const [message] = inbound?.messages ?? [];
  if (!message || inbound?.batch) {
    throw new Fault(
      'call_unapproved',
      `${detail}. Nothing in a batch can wait for that: send the call alone.`,
    );
  }
  return new Unapproved(askedCall({ standing, grant, server, address, message, decision }), detail);
}

/** What is said of all that a body is about, as policy sees it. */
export function labelsAsked(inbound: Inbound | null, of: ServerLabels | null): Labels {
  if (!of) return noLabels;
  if (!inbound) return labelsOfSent(of, null);
  return inbound.messages.reduce<Labels>((sum, message) => {
    if (message.kind !== 'request') return union(sum, labelsOfSent(of, message));
    return asksOf(message).reduce(
      (all, { action, target }) => union(all, labelsOut(of, action, target)),
      sum,
    );
  }, noLabels);
}

function labelsLeft(inbound: Inbound | null, of: ServerLabels | null): Labels {
  if (!of || !inbound) return noLabels;
  return inbound.messages.reduce<Labels>((sum, message) => {
    if (message.kind !== 'request') return sum;
    return asksOf(message).reduce((all, { action, target }) => union(all, labelsIn(of, action, target)), sum);
  }, noLabels);
}

/** Whether an item of a list is shown: some arguments could be permitted. The check on the call decides (law 7). */
export function mayUse(
  policies: PolicySet,
  standing: Standing,
  action: string,
  target: Target,
  circumstances: Circumstances,
): boolean {
  return policies.couldPermit(question(standing, action, { target, message: null }, circumstances));
}

function questions(
  standing: Standing,
  inbound: Inbound | null,
  circumstances: Circumstances,
): readonly Question[] {
  if (!inbound) return [sessionQuestion(standing, null, circumstances)];
  const asked: Question[] = [];
  for (const message of inbound.messages) {
    if (message.kind !== 'request') asked.push(sessionQuestion(standing, message, circumstances));
    else {
      for (const { action, target } of asksOf(message))
        asked.push(question(standing, action, { target, message }, circumstances));
    }
  }
  return asked;
}

/** Notifications, responses, GET and DELETE belong to a session: they need the right to open one. */
function sessionQuestion(
  standing: Standing,
  message: Message | null,
  circumstances: Circumstances,
): Question {
  const about = { target: { kind: 'server' }, message: null } as const;
  const asked = question(standing, 'initialize', about, circumstances);
  const { labels: of } = circumstances;
  const labels = of ? labelsOfSent(of, message) : noLabels;
  return labels === asked.context.labels ? asked : { ...asked, context: { ...asked.context, labels } };
}

function question(
  standing: Standing,
  action: string,
  { target, message }: { readonly target: Target; readonly message: Message | null },
  circumstances: Circumstances,
): Question {
  const { caller, agent } = standing;
  return {
    agent: agent ? subjectOf(agent) : { name: caller.name, owner: '', roles: [] },
    action,
    server: circumstances.server,
    target,
    context: {
      arguments: message && message.arguments,
      time: circumstances.time,
      address: circumstances.address,
      profile: standing.profile,
      ...(circumstances.grant ? granted(circumstances.grant) : withoutToken),
      key: standing.hardware ? 'hardware' : 'unknown',
      labels: circumstances.labels ? labelsOut(circumstances.labels, action, target) : noLabels,
      touched: circumstances.touched?.labels ?? noLabels,
      passport: (message && circumstances.passports?.get(message)) ?? null,
    },
  };
}

/** What policies see of a token. */
const granted = rememberedFor((grant: Grant) => {
  const { person, client, scopes, binding, acr, actors } = grant;
  return Object.freeze({ person, client, scopes, binding, acr, actors });
});

/** The registry replaces a record when anything about the agent changes. */
const subjectOf = rememberedFor(({ name, owner, roles }: AgentRecord): Question['agent'] =>
  Object.freeze({ name, owner, roles }),
);

function refusal(
  question: Question,
  decision: Extract<Decision, { outcome: 'deny' }>,
  before: string,
): Fault {
  if (decision.reason === 'policy_error') {
    const { action, target, server, agent } = question;
    return new Fault(
      'policy_error',
      `Refused: a policy failed while deciding ${action}${targetText(target)} on server ${server} for agent ${agent.name}: ${decision.detail}`,
    );
  }
  return new Fault('denied', refusedText(question, `${decision.detail}${before}`));
}

function refusedText({ action, target, server, agent }: Question, why: string): string {
  return `Refused: ${action}${targetText(target)} on server ${server} for agent ${agent.name}: ${why}`;
}

function targetText(target: Target): string {
  if (target.kind === 'server') return '';
  return target.kind === 'resource' ? ` of resource ${target.uri}` : ` of ${target.kind} ${target.name}`;
}
