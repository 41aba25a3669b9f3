import { compilePolicies } from './compile-policies.ts';
import { pathOf } from './compare/facts.ts';
import { likePattern } from './evaluate/like-pattern.ts';
import { nodeOf, walk } from './expression.ts';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import type { PatternElem, Expr } from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicySet } from './policy-set.ts';
import { actionOf } from './schema.ts';
import type { Question } from './question.ts';

/** A change with which the request would be permitted, or asked about where it was denied: tried, not guessed. */
export interface AllowingChange {
  /** Of the agent, of the request, or of the policies. */
  readonly kind: 'role' | 'request' | 'policy';
  readonly text: string;
  readonly outcome: 'permit' | 'ask';
}

interface Step {
  readonly kind: 'role' | 'request';
  readonly text: string;
  readonly apply: (question: Question) => Question;
}

const most = 8;
// Pairs of steps that are tried: some milliseconds.
const longest = 4_000;

/**
 * The smallest changes that would allow a request that is refused: one role or one condition; else two of them; and the policy that would have to be
 * added or changed. Each was applied and decided again.
 */
export function smallestChanges(set: PolicySet, question: Question): readonly AllowingChange[] {
  if (set.decide(question).outcome !== 'deny') return [];
  const steps = [...roleSteps(set, question), ...requestSteps(set, question)];
  const single = steps.flatMap((step) => tried(set, question, [step]));
  const found =
    single.length > 0
      ? single
      : pairs(steps)
          .flatMap((pair) => tried(set, question, pair))
          .slice(0, most);
  const shown = [
    ...found.filter(({ outcome }) => outcome === 'permit'),
    ...found.filter(({ outcome }) => outcome === 'ask'),
  ];
  return [...shown.slice(0, most), ...policyChange(set, question)];
}

function tried(set: PolicySet, question: Question, steps: readonly Step[]): readonly AllowingChange[] {
  const changed = steps.reduce((before, step) => step.apply(before), question);
  const { outcome } = set.decide(changed);
  if (outcome === 'deny') return [];
  const kind = steps.some((step) => step.kind === 'role') ? 'role' : 'request';
  return [{ kind, text: steps.map(({ text }) => text).join(', and '), outcome }];
}

function pairs(steps: readonly Step[]): readonly (readonly Step[])[] {
  const all = steps.flatMap((one, at) => steps.slice(at + 1).map((other) => [one, other]));
  return all.slice(0, longest);
}

function roleSteps({ policies }: PolicySet, { agent }: Question): readonly Step[] {
  const named = policies.flatMap(({ text }) =>
    [...text.matchAll(/Role::"((?:[^"\\]|\\.)*)"/g)].map(([, name = '']) => name),
  );
  return [...new Set(named)]
    .filter((role) => !agent.roles.includes(role))
    .map((role) => ({
      kind: 'role',
      text: `give the agent the role "${role}"`,
      apply: (question) => ({
        ...question,
        agent: { ...question.agent, roles: [...question.agent.roles, role] },
      }),
    }));
}

/** What policies compare the request with, as changes of the request. */
function requestSteps({ policies }: PolicySet, question: Question): readonly Step[] {
  const steps = new Map<string, Step>();
  const add = (path: string, value: Json): void => {
    const step = stepFor(path, value, question);
    if (step) steps.set(step.text, step);
  };
  for (const { json } of policies) {
    for (const { body } of json.conditions) {
      walk(body, (part) => {
        for (const [path, value] of wishes(part)) add(path, value);
        return true;
      });
    }
  }
  return [...steps.values()];
}

function* wishes(expression: Expr): Generator<readonly [string, Json]> {
  const { operator, body } = nodeOf(expression);
  const { left, right, pattern } = body as {
    readonly left?: Expr;
    readonly right?: Expr;
    readonly pattern?: readonly PatternElem[];
  };
  if (operator === 'like' && left && pattern) {
    const text = pattern.map((element) => (element === 'Wildcard' ? 'x' : element.Literal)).join('');
    if (likePattern(pattern)(text)) yield [pathOf(left), text];
  }
  if (!left || !right) return;
  const value = nodeOf(right);
  if (value.operator !== 'Value') return;
  if (typeof value.body === 'string') {
    if (operator === '==' || operator === 'contains') yield [pathOf(left), value.body];
    return;
  }
  if (typeof value.body !== 'number') return;
  if (['==', '<=', '>='].includes(operator)) yield [pathOf(left), value.body];
  if (operator === '<') yield [pathOf(left), value.body - 1];
  if (operator === '>') yield [pathOf(left), value.body + 1];
}

function stepFor(path: string, value: Json, { context }: Question): Step | null {
  const [variable, member = '', ...names] = path.split('.');
  if (variable !== 'context') return null;
  if (member === 'arguments' && names.length > 0) {
    return {
      kind: 'request',
      text: `call it with the argument ${names.join('.')} ${JSON.stringify(value)}`,
      apply: (question) => ({
        ...question,
        context: {
          ...question.context,
          arguments: withMember(question.context.arguments ?? {}, names, value),
        },
      }),
    };
  }
  if (names.length > 0 || typeof value !== 'string') return null;
  const sets: readonly string[] = ['scopes', 'actors'];
  const texts: readonly string[] = ['person', 'client', 'acr', 'profile', 'key', 'binding', 'address'];
  if (sets.includes(member)) {
    const key = member === 'scopes' ? 'scopes' : 'actors';
    const wanted = `${key === 'scopes' ? 'a token with the scope' : 'a token whose actors have'} "${value}"`;
    return {
      kind: 'request',
      text: `ask with ${wanted}`,
      apply: (question) => ({
        ...question,
        context: { ...question.context, [key]: [...context[key], value] },
      }),
    };
  }
  if (!texts.includes(member)) return null;
  return {
    kind: 'request',
    text: `ask with the ${member} "${value}"`,
    apply: (question) => ({ ...question, context: { ...question.context, [member]: value } }),
  };
}

function withMember(record: JsonObject, [name = '', ...rest]: readonly string[], value: Json): JsonObject {
  if (rest.length === 0) return { ...record, [name]: value };
  const below = record[name];
  const inner =
    typeof below === 'object' && below !== null && !Array.isArray(below) ? (below as JsonObject) : {};
  return { ...record, [name]: withMember(inner, rest, value) };
}

/** A permit for exactly this, and what forbids it with an exception for exactly this agent. */
function policyChange(set: PolicySet, question: Question): readonly AllowingChange[] {
  const decision = set.decide(question);
  const who = `principal == Agent::${JSON.stringify(question.agent.name)}`;
  const forbidding = decision.outcome === 'deny' && decision.reason === 'forbidden' ? decision.policies : [];
  const texts = set.policies.map(({ id, text }) =>
    forbidding.includes(id) ? text.replace(/;\s*$/, ` unless { ${who} };`) : text,
  );
  const permit = `permit (${who}, action == Action::${JSON.stringify(actionOf(question.action))}, resource == ${targetText(question)});`;
  for (const added of [[], [permit]]) {
    const outcome = outcomeWith([...texts, ...added], question);
    if (outcome === 'deny') continue;
    const exceptions = forbidding.map((id) => `let policy "${id}" except the agent: unless { ${who} }`);
    return [
      { kind: 'policy', text: [...exceptions, ...added.map((text) => `add ${text}`)].join('; '), outcome },
    ];
  }
  return [];
}

function outcomeWith(texts: readonly string[], question: Question): 'permit' | 'ask' | 'deny' {
  try {
    return compilePolicies([{ name: 'changed.cedar', text: texts.join('\n') }]).decide(question).outcome;
  } catch {
    // A policy that cannot take the exception, or a name that none can speak of.
    return 'deny';
  }
}

function targetText({ server, target }: Question): string {
  switch (target.kind) {
    case 'server':
      return `Server::${JSON.stringify(server)}`;
    case 'resource':
      return `Resource::${JSON.stringify(`${server}/${target.uri}`)}`;
    default:
      return `${target.kind === 'tool' ? 'Tool' : 'Prompt'}::${JSON.stringify(`${server}/${target.name}`)}`;
  }
}
