import { compilePolicies, type PolicySet } from './compile-policies.ts';
import { type Question, withoutLabels, withoutToken } from './question.ts';

/** A call of the tool `files/read` by an agent with the role `guest`, with what is given changed. */
export function aQuestion(
  change: Partial<Omit<Question, 'context' | 'agent'>> & {
    readonly agent?: Partial<Question['agent']>;
    readonly context?: Partial<Question['context']>;
  } = {},
): Question {
  return {
    action: 'tools/call',
    server: 'files',
    target: { kind: 'tool', name: 'read' },
    ...change,
    agent: { name: 'ci-bot', owner: 'team-a', roles: ['guest'], ...change.agent },
    context: {
      arguments: {},
      time: 1_800_000_000_000,
      address: '10.1.2.3',
      profile: 'agent',
      ...withoutToken,
      key: 'unknown',
      ...withoutLabels,
      ...change.context,
    },
  };
}

/** The policies of one file, `a.cedar`. */
export function policies(text: string): PolicySet {
  return compilePolicies([{ name: 'a.cedar', text }]);
}
