import type { Clock } from '../../kernel/clock.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { UsedNonces } from '../signed-call/used-nonces.ts';
import type { Reversibility } from './delegation.ts';
import { checkIntent, type Intent, IntentRefusal } from './intent.ts';
import type { PassportRules } from './passport-rules.ts';
import { canonicalServerUri } from './resource-uri.ts';
import { coversAll, isGrant } from './scope-grants.ts';
import { chainRefusalNow, type VerifiedChain } from './verify-chain.ts';

const seal = Symbol('passport');

/** Proof of what one call may, by a chain of delegations that ends at its agent. Nothing in it is more than every link of the chain grants. */
export class Passport {
  /** The DID that the chain begins with. */
  readonly issuer: string;
  /** The DID of the agent. */
  readonly agent: string;
  /** The id of the delegation that the agent acts under. */
  readonly delegation: string;
  /** What is asked for, each granted by the chain. */
  readonly scopes: readonly string[];
  readonly values: readonly string[];
  /** 0 to 100. */
  readonly reputation: number;
  readonly reversibility: Reversibility;
  /** The hash of the act, which is done once. */
  readonly actionRef: string;
  readonly #proof = true;

  constructor(key: typeof seal, intent: Intent, chain: VerifiedChain) {
    if (key !== seal) throw new TypeError('A Passport is made by a passport gate only.');
    const { values, reputation, reversibility } = chain.leaf.authority;
    this.issuer = chain.root.issuer;
    this.agent = intent.agent;
    this.delegation = chain.leaf.id;
    this.scopes = intent.scopes;
    this.values = values;
    this.reputation = reputation;
    this.reversibility = reversibility;
    this.actionRef = intent.actionRef;
    Object.freeze(this);
  }

  /** Whether a value is a Passport that this module made. */
  static proves(value: object): value is Passport {
    return #proof in value && value.#proof;
  }
}

/** A call of a tool as it was read. */
export interface PassportCall {
  readonly server: string;
  readonly tool: string;
  readonly arguments: JsonObject;
  /** The intent in its `_meta`; undefined when there is none. */
  readonly intent: Json | undefined;
  /** The agent by the name that policies have for it. */
  readonly agent: string;
}

/** Holds calls of tools to the intents of their agents, where a server asks for that. */
export interface PassportGate {
  /** Whether calls of a server's tools have to come with an intent. */
  wants(server: string): boolean;
  /** Throws Fault `passport_required`, `passport_refused` or `unavailable`. */
  admit(call: PassportCall): Promise<Passport>;
  /** Throws Fault `passport_refused` once what stood behind a call does no longer. */
  confirm(passport: Passport): void;
}

export interface PassportPorts {
  readonly rules: () => PassportRules;
  readonly clock: Clock;
  /** The acts that were done, by the DID of their agent. */
  readonly done: UsedNonces;
  /** Where agents reach the gateway, such as `https://gateway.example:8443`. */
  readonly gateway: () => string;
}

/** The longest life of an intent, in milliseconds: its act is remembered for as long. */
const longestIntent = 300_000;

export function createPassportGate(ports: PassportPorts): PassportGate {
  return {
    wants: (server) => ports.rules().servers.has(server),
    async admit(call) {
      const rules = ports.rules();
      if (call.intent === undefined) {
        throw new Fault(
          'passport_required',
          `Calls of tools of ${call.server} come with an intent of an Agent Passport (aps-mcp-1) in _meta, and this one does not. See docs/agent-passports.md.`,
        );
      }
      const now = ports.clock.now();
      const server = canonicalServerUri(`${ports.gateway()}/mcp/${call.server}`) ?? '';
      const intent = checkIntent(
        call.intent,
        { server, tool: call.tool, arguments: call.arguments, now },
        rules.keyOf,
      );
      if (intent instanceof IntentRefusal) throw refused(intent.code, intent.why);
      if (intent.expiresAt - intent.issuedAt > longestIntent) {
        throw refused('INTENT_TOO_LONG', `It is valid for longer than ${longestIntent / 1_000} s.`);
      }
      // Before anything is asked for in its name, the agent has to be the one of the certificate.
      if (!rules.agents.get(call.agent)?.has(intent.agent)) {
        throw refused('AGENT_MISMATCH', `${intent.agent} is no DID of the agent ${call.agent}.`);
      }
      const time = { from: intent.issuedAt, until: intent.expiresAt };
      if (!(await ports.done.take(intent.agent, intent.actionRef, time))) {
        throw refused(
          'MCP_ACTION_REPLAY',
          'This very act was done before. Make an intent of its own for every call.',
        );
      }
      return new Passport(seal, intent, authorityFor(intent, call, rules, now));
    },
    confirm: ({ delegation }) => void chainInForce(delegation, ports.rules(), ports.clock.now()),
  };
}

/** The chain under which an intent may be carried out now. */
function authorityFor(intent: Intent, call: PassportCall, rules: PassportRules, now: number): VerifiedChain {
  const chain = chainInForce(intent.delegation, rules, now);
  if (chain.leaf.subject !== intent.agent) {
    throw refused('SUBJECT_MISMATCH', `The delegation is for ${chain.leaf.subject}.`);
  }
  const needed = rules.servers.get(call.server)?.get(call.tool) ?? [`mcp:${call.server}:${call.tool}`];
  const missing = needed.find((scope) => !intent.scopes.includes(scope));
  if (missing !== undefined) throw refused('SCOPE_NOT_STATED', `It does not say that it needs ${missing}.`);
  const { grants, spend } = chain.leaf.authority;
  if (!intent.scopes.every(isGrant) || !coversAll(grants, intent.scopes)) {
    throw refused('SCOPE_NOT_GRANTED', 'Its delegation does not grant all the scopes that it needs.');
  }
  if (spend !== null && intent.spend !== null && intent.spend.amount > 0n) {
    throw refused(
      'SPEND_NOT_COUNTED',
      'It spends under a delegation with a bound, and no account of what was spent is kept here.',
    );
  }
  return chain;
}

function chainInForce(delegation: string, rules: PassportRules, now: number): VerifiedChain {
  const chain = rules.chains.get(delegation);
  if (!chain) throw refused('DELEGATION_UNKNOWN', `No delegation ${delegation} is known here.`);
  const refusal = chainRefusalNow(chain, now, ({ id }) => (rules.revoked.has(id) ? 'revoked' : 'active'));
  if (!refusal) return chain;
  throw refused(refusal.code, `Delegation ${refusal.index + 1} of its chain: ${refusal.why}`);
}

function refused(code: string, why: string): Fault {
  return new Fault('passport_refused', `The passport of the call is not accepted (${code}). ${why}`);
}
