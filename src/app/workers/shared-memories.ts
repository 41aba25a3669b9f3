import type { FlowMemory, FlowParty, Forgetting, Memorable, Use } from '../../gateway/flow/flow-memory.ts';
import type { Labels } from '../../gateway/flow/flow-rules.ts';
import type { LimitRule } from '../../gateway/limit-rule.ts';
import type { Claim, Holding, LimitStore, Shortage, Verdict } from '../../gateway/limit-store.ts';
import type { ProofReplays, UsedProof } from '../../oauth/resource/ports.ts';
import type { UsedNonces, UseTime } from '../../oauth/signed-call/used-nonces.ts';
import type { GatewayMemories } from '../compose/gateway-memories.ts';
import type { Answers, Channel } from './channel.ts';

/** What workers of one gateway remember together, in the process that started them. */
export type Memories = Pick<GatewayMemories, 'limits' | 'nonces' | 'acts' | 'proofs' | 'flow'>;

interface TakeLimits {
  readonly claims: readonly (Omit<Claim, 'rule'> & { readonly rule: number })[];
}

/** Which claim was not met, or under which number its places are held. */
type Taken = { readonly holding: number } | { readonly shortage: Short };
type Short = Omit<Shortage, 'rule'> & { readonly claim: number };

interface TakeNonce {
  readonly thumbprint: string;
  readonly nonce: string;
  readonly time: UseTime;
}

interface Remembered {
  readonly party: FlowParty;
  readonly labels: Labels;
  readonly use: Use;
}

/** Answers one worker out of memories. What it holds is given back when it is gone. */
export function answerMemories(memories: Memories): { readonly answers: Answers; gone(): void } {
  const rules = new Map<number, LimitRule>();
  const held = new Map<number, { readonly holding: Holding; readonly claims: readonly Claim[] }>();
  let numbers = 0;
  const nonces =
    (of: UsedNonces) =>
    ({ thumbprint, nonce, time }: TakeNonce): unknown =>
      of.take(thumbprint, nonce, time);
  const leave = (number: number): unknown => {
    const left = held.get(number)?.holding;
    held.delete(number);
    return left?.leave();
  };
  const answers: Answers = {
    'limits.rule': ({ id, rule }: { id: number; rule: LimitRule }) => void rules.set(id, rule),
    'limits.take': async ({ claims: asked }: TakeLimits): Promise<Taken> => {
      const claims = asked.map(({ rule, ...claim }) => ({ ...claim, rule: ruleOf(rules, rule) }));
      const verdict = await memories.limits.take(claims);
      if (verdict.shortage) return { shortage: short(verdict.shortage, claims) };
      held.set(++numbers, { holding: verdict, claims });
      return { holding: numbers };
    },
    'limits.spend': async ({ holding, octets }: { holding: number; octets: number }) => {
      const of = held.get(holding);
      const overdrawn = of ? await of.holding.spend(octets) : null;
      return of && overdrawn ? short(overdrawn, of.claims) : null;
    },
    'limits.leave': leave,
    'nonces.take': nonces(memories.nonces),
    'acts.take': nonces(memories.acts),
    'proofs.take': (proof: UsedProof) => memories.proofs.take(proof),
    'flow.recall': async ({ party, how }: { party: FlowParty; how: Memorable & { working: boolean } }) => {
      const { labels, use } = await memories.flow.recall(party, how);
      return { labels, uses: labels.map((label) => [label, use(label)] as const) };
    },
    'flow.remember': ({ party, labels, use }: Remembered) => memories.flow.remember(party, labels, use),
    'flow.forget': (order: Forgetting) => memories.flow.forget(order),
    'flow.list': (how: Memorable) => memories.flow.list(how),
  };
  return {
    answers,
    gone() {
      for (const number of held.keys()) void leave(number);
    },
  };
}

function ruleOf(rules: ReadonlyMap<number, LimitRule>, id: number): LimitRule {
  const rule = rules.get(id);
  if (!rule) throw new TypeError('a claim is of a rule that was not told');
  return rule;
}

function short({ rule, ...shortage }: Shortage, claims: readonly Claim[]): Short {
  return { ...shortage, claim: claims.findIndex((claim) => claim.rule === rule) };
}

/** The memories of the process that started this one. Where it does not answer, nothing is taken: whoever asks refuses. */
export function askedMemories(channel: Channel): Memories {
  const nonces = (name: 'nonces.take' | 'acts.take'): UsedNonces => ({
    take: (thumbprint, nonce, time) => channel.ask<boolean>(name, { thumbprint, nonce, time }),
  });
  const proofs: ProofReplays = { take: (proof) => channel.ask<boolean>('proofs.take', proof) };
  return {
    limits: askedLimits(channel),
    nonces: nonces('nonces.take'),
    acts: nonces('acts.take'),
    proofs,
    flow: askedFlow(channel),
  };
}

function askedLimits(channel: Channel): LimitStore {
  const ids = new WeakMap<LimitRule, number>();
  let rules = 0;
  const idOf = (rule: LimitRule): number => {
    const known = ids.get(rule);
    if (known !== undefined) return known;
    const id = ++rules;
    ids.set(rule, id);
    channel.tell('limits.rule', { id, rule });
    return id;
  };
  const full = ({ claim, ...shortage }: Short, claims: readonly Claim[]): Shortage => {
    const rule = claims[claim]?.rule;
    if (!rule) throw new TypeError('a shortage is of no claim');
    return { ...shortage, rule };
  };
  return {
    async take(claims): Promise<Verdict> {
      const asked = claims.map(({ rule, ...claim }) => ({ ...claim, rule: idOf(rule) }));
      const taken = await channel.ask<Taken>('limits.take', { claims: asked } satisfies TakeLimits);
      if ('shortage' in taken) return { shortage: full(taken.shortage, claims) };
      const { holding } = taken;
      const counts = claims.some(
        ({ rule }) => rule.budget.hour?.octets != null || rule.budget.day?.octets != null,
      );
      return {
        shortage: null,
        spend(octets) {
          if (!counts) return null;
          const spent = channel.ask<Short | null>('limits.spend', { holding, octets });
          return spent.then((overdrawn) => overdrawn && full(overdrawn, claims));
        },
        leave: () => channel.tell('limits.leave', holding),
      };
    },
  };
}

function askedFlow(channel: Channel): FlowMemory {
  return {
    async recall(party, how) {
      const recalled = await channel.ask<{
        labels: Labels;
        uses: readonly (readonly [string, Use | null])[];
      }>('flow.recall', { party, how });
      const uses = new Map(recalled.uses);
      return { labels: recalled.labels, use: (label) => uses.get(label) ?? null };
    },
    remember: (party, labels, use) => channel.ask('flow.remember', { party, labels, use }),
    forget: (order) => channel.ask('flow.forget', order),
    list: (how) => channel.ask('flow.list', how),
  };
}
