import { type FlowRules, labelsAt, labelsOut } from '../../gateway/flow/flow-rules.ts';
import type { Question } from '../../policy/question.ts';

/** What flows.yaml says of what a question is about. */
export function labelsSaid(
  flows: FlowRules | null,
  { server, action, target }: Pick<Question, 'server' | 'action' | 'target'>,
): readonly string[] {
  return flows ? labelsOut(labelsAt(flows, server), action, target) : [];
}

/** The question with what flows.yaml says, where it was asked without labels. */
export function labelled(flows: FlowRules | null, question: Question): Question {
  if (question.context.labels.length > 0) return question;
  return { ...question, context: { ...question.context, labels: labelsSaid(flows, question) } };
}
