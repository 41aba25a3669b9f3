import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { assertNever } from '../../../kernel/assert-never.ts';
import type { FlowRules } from '../../../gateway/flow/flow-rules.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import { parseJson } from '../../../kernel/parse-json.ts';
import { explain, type Finding } from '../../../policy/explain.ts';
import { type AllowingChange, smallestChanges } from '../../../policy/smallest-changes.ts';
import { readPolicyTests, runPolicyTests } from '../../../policy/policy-test.ts';
import type { Decision, Question } from '../../../policy/question.ts';
import { schemaText } from '../../../policy/schema.ts';
import { toolSchemaText } from '../../../policy/tools/tool-schema.ts';
import { readYaml } from '../../config/read-yaml.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { printable } from '../format-table.ts';
import { openPolicyFiles, policyFolder } from '../policy-files.ts';
import { tokenText } from '../tokens-text.ts';
import { readToolsFile, toolsFlag } from '../tools-file.ts';
import { labelled, labelsSaid } from '../labels-said.ts';
import { limitsOf, limitText } from '../limits-text.ts';
import { policyCheckCommand } from './policy-check.ts';
import { policyInitCommand } from './policy-init.ts';
import { policyDiffCommand } from './policy-diff.ts';

const bindings: readonly Question['context']['binding'][] = [
  'certificate',
  'mtls',
  'dpop',
  'paired',
  'bearer',
];

/** The commands about policies; they read files only and need no authority. */
export const policyCommands: readonly Command[] = [
  policyInitCommand,
  policyCheckCommand,
  policyDiffCommand,
  {
    path: ['policy', 'explain'],
    summary: 'Say what the policies decide about one request, and why',
    example: 'countersign policy explain ./policies --role guest --server files --tool read_text_file',
    flags: [
      { name: 'agent', kind: 'text', meaning: 'the name of the agent', default: 'an-agent' },
      { name: 'owner', kind: 'text', meaning: 'the owner of the agent', default: 'an-owner' },
      { name: 'role', kind: 'list', meaning: 'a role of the agent; may be repeated' },
      { name: 'server', kind: 'text', meaning: 'the MCP server', required: true },
      { name: 'tool', kind: 'text', meaning: 'the tool that is called' },
      { name: 'prompt', kind: 'text', meaning: 'the prompt that is fetched' },
      { name: 'resource', kind: 'text', placeholder: 'uri', meaning: 'the resource that is read' },
      { name: 'method', kind: 'text', meaning: 'the MCP method, when the target does not say it' },
      {
        name: 'arguments',
        kind: 'text',
        placeholder: 'json',
        meaning: 'the arguments, as JSON',
        default: '{}',
      },
      { name: 'address', kind: 'text', meaning: 'where the agent calls from', default: '127.0.0.1' },
      { name: 'profile', kind: 'text', meaning: 'the profile of its certificate', default: 'agent' },
      {
        name: 'key',
        kind: 'text',
        meaning: 'where its key is',
        choices: ['hardware', 'unknown'],
        default: 'unknown',
      },
      {
        name: 'binding',
        kind: 'text',
        meaning: 'how its token is bound; certificate means that there is none',
        choices: bindings,
        default: 'certificate',
      },
      { name: 'person', kind: 'text', meaning: 'the person that its token is for' },
      { name: 'client', kind: 'text', meaning: 'the OAuth client of its token' },
      { name: 'scope', kind: 'list', meaning: 'a scope of its token; may be repeated' },
      { name: 'acr', kind: 'text', meaning: 'how the person logged in, as its token says' },
      {
        name: 'label',
        kind: 'list',
        meaning: 'a label of what is used; may be repeated; what flows.yaml says unless given',
      },
      {
        name: 'touched',
        kind: 'list',
        placeholder: 'label',
        meaning: 'a label of what was used before in the task; may be repeated',
      },
      {
        name: 'actor',
        kind: 'list',
        meaning: 'who acts for the person, as its token says; may be repeated, the nearest first',
      },
    ],
    positionals: [policyFolder],
    run: explainOne,
  },
  {
    path: ['policy', 'test'],
    summary: 'Check that the policies decide as a test file expects',
    example: 'countersign policy test ./policies ./policies/tests.yaml',
    flags: [],
    positionals: [policyFolder, { name: 'tests', meaning: 'the YAML or JSON file with tests', count: 'one' }],
    run: runTests,
  },
  {
    path: ['policy', 'schema'],
    summary: 'Print the Cedar schema: what policies can name',
    example: 'countersign policy schema --tools ./tools.json',
    flags: [toolsFlag],
    positionals: [],
    async run(_context, input) {
      const file = input.text('tools');
      const text = file === null ? schemaText() : toolSchemaText(await readToolsFile(file));
      return { text: text.trimEnd(), json: { schema: text.trimEnd() } };
    },
  },
];

async function explainOne(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const { policies: set, limits, tokens, flows } = await openPolicyFiles(input.word('folder'));
  const question = labelled(flows, questionOf(context, input));
  const counted = limitsOf(limits, question);
  const token = tokenText(tokens, question);
  const { decision, findings } = explain(set, question);
  const changes = smallestChanges(set, question);
  const reason = decisionText(decision);
  const shown = findings.filter(({ result, nearMiss }) => result !== 'does not apply' || nearMiss);
  return {
    text: [
      reason,
      ...changesText(changes),
      ...shown.map(findingText),
      ...counted.map(limitText),
      ...(token === null ? [] : [token]),
    ]
      .map(printable)
      .join('\n'),
    json: {
      decision: decisionJson(decision),
      limits: counted.map(({ name }) => name),
      token: token !== null,
      changes: changes.map((change) => ({ ...change })),
      findings: findings.map(({ rule, ...rest }) => ({ id: rule.id, effect: rule.effect, ...rest })),
    },
  };
}

function decisionJson(decision: Decision): JsonObject {
  if (decision.outcome !== 'ask') return { ...decision };
  return { ...decision, asks: decision.asks.map((ask) => ({ ...ask })) };
}

function decisionText(decision: Decision): string {
  switch (decision.outcome) {
    case 'permit':
      return `Permitted by ${decision.policies.join(', ')}.`;
    case 'ask':
      return `Asked: ${decision.detail} (permitted by ${decision.permits.join(', ')})`;
    case 'deny':
      return `Denied (${decision.reason}): ${decision.detail}`;
    default:
      return assertNever(decision);
  }
}

async function runTests(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const { policies: set, flows } = await openPolicyFiles(input.word('folder'));
  const file = input.word('tests');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Fault('not_found', `The test file ${file} cannot be read.`, { cause });
  });
  const results = runPolicyTests(set, testsOf(file, readYaml(file, text).json, flows));
  const failed = results.filter(({ failure }) => failure !== null).length;
  const lines = results.map(({ name, failure }) =>
    printable(failure === null ? `ok      ${name}` : `FAILED  ${name}: ${failure}`),
  );
  const json: Json = {
    version: set.version,
    passed: results.length - failed,
    failed,
    tests: results.map(({ name, failure, decision }) => ({
      name,
      failure,
      decision: decisionJson(decision),
    })),
  };
  return {
    text: [...lines, '', `${results.length - failed} passed, ${failed} failed.`].join('\n'),
    json,
    // 6: a verification ran to its end and found that the thing does not verify.
    exitCode: failed === 0 ? 0 : 6,
  };
}

function testsOf(
  file: string,
  json: JsonObject,
  flows: FlowRules | null,
): ReturnType<typeof readPolicyTests> {
  try {
    return readPolicyTests(json, (question) => labelsSaid(flows, question));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.code, `${basename(file)}: ${error.message}`, { cause: error });
  }
}

function questionOf(context: CommandContext, input: CommandInput): Question {
  const target = targetOf(input);
  return {
    agent: { name: input.must('agent'), owner: input.must('owner'), roles: input.list('role') },
    action: input.text('method') ?? defaultMethods[target.kind],
    server: input.must('server'),
    target,
    context: {
      arguments: argumentsOf(input.must('arguments')),
      time: context.clock.now(),
      address: input.must('address'),
      profile: input.must('profile'),
      binding: bindings.find((each) => each === input.must('binding')) ?? 'certificate',
      person: input.text('person'),
      client: input.text('client'),
      scopes: input.list('scope'),
      acr: input.text('acr'),
      actors: input.list('actor'),
      key: input.must('key') === 'hardware' ? 'hardware' : 'unknown',
      labels: input.list('label'),
      touched: input.list('touched'),
      passport: null,
    },
  };
}

const defaultMethods = {
  tool: 'tools/call',
  prompt: 'prompts/get',
  resource: 'resources/read',
  server: 'initialize',
} as const;

function targetOf(input: CommandInput): Question['target'] {
  const [tool, prompt, uri] = [input.text('tool'), input.text('prompt'), input.text('resource')];
  if ([tool, prompt, uri].filter((name) => name !== null).length > 1) {
    throw new Fault('usage', 'Give one of --tool, --prompt and --resource.');
  }
  if (tool !== null) return { kind: 'tool', name: tool };
  if (prompt !== null) return { kind: 'prompt', name: prompt };
  return uri === null ? { kind: 'server' } : { kind: 'resource', uri };
}

function argumentsOf(text: string): JsonObject {
  const value = parseJson(text);
  if (isJsonObject(value)) return value;
  throw new Fault('usage', '--arguments must be a JSON object, such as {"path":"/tmp/x"}.');
}

function changesText(changes: readonly AllowingChange[]): readonly string[] {
  if (changes.length === 0) return [];
  const lines = changes.map(
    ({ text, outcome }) => `  ${text}${outcome === 'ask' ? ' (then somebody is asked)' : ''}`,
  );
  return ['Each of these would allow it, tried one by one:', ...lines];
}

function findingText({ rule, result, mismatch, unmet }: Finding): string {
  const effect = rule.ask === null ? rule.effect : 'ask';
  const name = `  ${effect} "${rule.id}" (${rule.file}:${rule.line})`;
  if (result === 'applies') return `${name} applies.`;
  if (result === 'fails') return `${name} fails at: ${unmet.join(' and ')}.`;
  if (mismatch.length > 0) return `${name} would apply with another ${mismatch.join(' and ')}.`;
  return `${name} would apply, but for: ${unmet.join(' and ')}`;
}
