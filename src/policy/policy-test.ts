import { z } from 'zod';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { suggest } from '../kernel/suggest.ts';
import type { PolicySet } from './compile-policies.ts';
import type { Decision, Question } from './question.ts';
import { actionOf, actions } from './schema.ts';

/** A question and the answer that the policies must give. */
export interface PolicyTest {
  readonly name: string;
  readonly question: Question;
  readonly expect: Decision['outcome'];
  /** The policy that must be among those that decide, or null when any may. */
  readonly by: string | null;
}

export interface PolicyTestResult {
  readonly name: string;
  /** Null when the test passed, else what was wrong in a sentence. */
  readonly failure: string | null;
  readonly decision: Decision;
}

const testShape = z.strictObject({
  name: z.string().min(1),
  agent: z.string().min(1).default('test-agent'),
  owner: z.string().default('test-owner'),
  roles: z.array(z.string()).default([]),
  server: z.string().min(1),
  action: z.string().optional(),
  tool: z.string().optional(),
  prompt: z.string().optional(),
  resource: z.string().optional(),
  arguments: z.record(z.string(), z.json()).default({}),
  address: z.string().default('127.0.0.1'),
  profile: z.string().default('agent'),
  key: z.enum(['hardware', 'unknown']).default('unknown'),
  binding: z.enum(['certificate', 'mtls', 'dpop', 'paired', 'bearer']).default('certificate'),
  person: z.string().optional(),
  client: z.string().optional(),
  scopes: z.array(z.string()).default([]),
  acr: z.string().optional(),
  labels: z.array(z.string()).optional(),
  touched: z.array(z.string()).default([]),
  actors: z.array(z.string()).default([]),
  passport: z
    .strictObject({
      issuer: z.string(),
      scopes: z.array(z.string()).default([]),
      values: z.array(z.string()).default([]),
      reputation: z.int().min(0).max(100).default(0),
      reversibility: z.enum(['tentative', 'compensable', 'irreversible']).default('tentative'),
    })
    .optional(),
  time: z.iso.datetime().default('1970-01-01T00:00:00Z'),
  expect: z.enum(['permit', 'ask', 'deny']),
  by: z.string().optional(),
});
const fileShape = z.strictObject({ tests: z.array(testShape).min(1, 'must hold at least one test') });

/** The labels of what a question is about, for tests that do not say them. */
export type LabelsOf = (question: Pick<Question, 'server' | 'action' | 'target'>) => readonly string[];

/** Reads a test file's value. Throws Fault `invalid_input` that names the test, the member and the nearest match. */
export function readPolicyTests(value: JsonObject, labelsOf: LabelsOf = () => []): readonly PolicyTest[] {
  const parsed = fileShape.safeParse(value);
  if (!parsed.success) {
    throw new Fault('invalid_input', parsed.error.issues.map((issue) => `${explainIssue(issue)}.`).join(' '));
  }
  return parsed.data.tests.map((test) => testOf(test, labelsOf));
}

/** Puts every question to the policies. */
export function runPolicyTests(set: PolicySet, tests: readonly PolicyTest[]): readonly PolicyTestResult[] {
  return tests.map((test) => {
    const decision = set.decide(test.question);
    return { name: test.name, failure: failureOf(set, test, decision), decision };
  });
}

function failureOf(set: PolicySet, test: PolicyTest, decision: Decision): string | null {
  if (test.by !== null && !set.policies.some((rule) => rule.id === test.by)) {
    const near = suggest(
      test.by,
      set.policies.map((rule) => rule.id),
    );
    return `there is no policy "${test.by}"${near === null ? '' : `; did you mean "${near}"?`}`;
  }
  if (decision.outcome !== test.expect) {
    const why = decision.outcome === 'permit' ? `by ${decision.policies.join(', ')}` : decision.detail;
    return `expected ${test.expect}, got ${decision.outcome}: ${why}`;
  }
  if (test.by === null || decision.policies.includes(test.by)) return null;
  const deciding = decision.policies.length === 0 ? 'no policy' : decision.policies.join(', ');
  return `expected ${test.expect} by ${test.by}, but it was by ${deciding}`;
}

function testOf(test: z.infer<typeof testShape>, labelsOf: LabelsOf): PolicyTest {
  const target = targetOf(test);
  const action = test.action ?? defaultActions[target.kind];
  // A slip here would be decided as an unknown method: denied, and a test that expects so would pass for nothing.
  const near = actionOf(action) === action ? null : suggest(action, Object.keys(actions));
  if (near !== null) {
    throw new Fault('invalid_input', `test "${test.name}": no action "${action}". Did you mean "${near}"?`);
  }
  return {
    name: test.name,
    question: {
      agent: { name: test.agent, owner: test.owner, roles: test.roles },
      action,
      server: test.server,
      target,
      context: {
        arguments: test.arguments,
        time: Date.parse(test.time),
        address: test.address,
        profile: test.profile,
        binding: test.binding,
        person: test.person ?? null,
        client: test.client ?? null,
        scopes: test.scopes,
        acr: test.acr ?? null,
        actors: test.actors,
        key: test.key,
        labels: test.labels ?? labelsOf({ server: test.server, action, target }),
        touched: test.touched,
        passport: test.passport ?? null,
      },
    },
    expect: test.expect,
    by: test.by ?? null,
  };
}

const defaultActions = {
  tool: 'tools/call',
  prompt: 'prompts/get',
  resource: 'resources/read',
  server: 'initialize',
} as const;

function targetOf(test: z.infer<typeof testShape>): Question['target'] {
  const given = [test.tool, test.prompt, test.resource].filter((name) => name !== undefined);
  if (given.length > 1) {
    throw new Fault('invalid_input', `test "${test.name}": give one of tool, prompt and resource.`);
  }
  if (test.tool !== undefined) return { kind: 'tool', name: test.tool };
  if (test.prompt !== undefined) return { kind: 'prompt', name: test.prompt };
  if (test.resource !== undefined) return { kind: 'resource', uri: test.resource };
  if (test.action === undefined) {
    throw new Fault('invalid_input', `test "${test.name}": give an action, a tool, a prompt or a resource.`);
  }
  return { kind: 'server' };
}

function explainIssue(issue: z.core.$ZodIssue): string {
  const place = placeOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 ? Object.keys(fileShape.shape) : Object.keys(testShape.shape);
    return issue.keys
      .map((key) => {
        const near = suggest(key, known);
        const hint = near === null ? `known are ${known.join(', ')}` : `did you mean "${near}"?`;
        return `${place}: "${key}" is not known; ${hint}`;
      })
      .join('. ');
  }
  return `${place}: ${issue.message}`;
}

function placeOf(path: readonly PropertyKey[]): string {
  const [top, at, ...rest] = path.map(String);
  if (at === undefined) return top ?? 'the file';
  return [`test ${Number(at) + 1}`, ...rest].join(' ');
}
