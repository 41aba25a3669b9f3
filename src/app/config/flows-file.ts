import { z } from 'zod';
import {
  type FlowRules,
  knownLabels,
  type Labels,
  labelList,
  type ServerLabels,
  union,
} from '../../gateway/flow/flow-rules.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

/** Labels that one file may declare, so that what is remembered of a task has a greatest size. */
const mostLabels = 28;
const mostServers = 1_024;
const mostThings = 4_096;

const word = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'must be 1 to 32 of a-z, 0-9 and "-"');
const labels = z.array(word).max(mostLabels);
const things = (what: string) =>
  z
    .record(z.string().min(1).max(4_096), labels)
    .refine((given) => Object.keys(given).length <= mostThings, `must be ${mostThings} at most`)
    .default({})
    .meta({ description: `Further labels of ${what}.` });

const server = z.strictObject({
  labels: labels.default([]).meta({ description: 'Labels of the server and of everything it has.' }),
  everything: z.boolean().default(false).meta({
    description:
      'Whether sessions, lists and news count like a call; for a server that is not trusted with as much as a name.',
  }),
  tools: things('single tools, by name'),
  prompts: things('single prompts, by name'),
  resources: things('resources, by a pattern of their URI in which * stands for anything'),
});

const flowsSchema = z
  .strictObject({
    labels: labels.default([]).meta({
      description: 'Labels of your own, besides private, untrusted, public-sink and destructive.',
    }),
    servers: z
      .record(z.string().min(1).max(64), server)
      .refine((given) => Object.keys(given).length <= mostServers, `must be ${mostServers} at most`)
      .default({})
      .meta({ description: 'What is said of servers, by name.' }),
    otherwise: server.prefault({}).meta({ description: 'What is said of every server that is not named.' }),
    remember: z
      .strictObject({
        quietMinutes: z.number().min(1).max(10_080).default(60).meta({
          description: 'A task is over when its agent has used nothing for so long.',
        }),
        hours: z
          .union([z.literal('always'), z.number().min(1).max(8_784)])
          .default(24)
          .meta({ description: 'The longest that a use is remembered of an agent that is never quiet.' }),
        apart: z.enum(['person', 'agent']).default('person').meta({
          description: "Whether an agent's tasks for different people are kept apart.",
        }),
      })
      .prefault({}),
  })
  .meta({ title: 'Countersign flows' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function flowsJsonSchema(): JsonObject {
  return z.toJSONSchema(flowsSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readFlows(file: string, text: string): FlowRules {
  const yaml = readYaml(file, text);
  const checked = flowsSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = flowsJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const { servers, otherwise, remember, labels: own } = checked.data;
  const words = new Set<string>([...knownLabels, ...own]);
  const toLabels = (at: readonly string[], given: readonly string[]): Labels => {
    const wrong = given.find((label) => !words.has(label));
    if (wrong === undefined) return labelList(given);
    const near = suggest(wrong, [...words]);
    const line = yaml.line(at);
    const hint = near === null ? `Declare it below "labels:" if it is meant.` : `Did you mean "${near}"?`;
    throw new Fault(
      'config_invalid',
      `${file}:${line === null ? '' : ` line ${line}:`} there is no label "${wrong}". ${hint}`,
    );
  };
  const toServer = (at: readonly string[], read: z.output<typeof server>): ServerLabels => {
    const ofServer = toLabels([...at, 'labels'], read.labels);
    const united = (kind: 'tools' | 'prompts' | 'resources'): readonly (readonly [string, Labels])[] =>
      Object.entries(read[kind]).map(([name, given]) => [
        name,
        union(ofServer, toLabels([...at, kind, name], given)),
      ]);
    const [tools, prompts, resources] = [united('tools'), united('prompts'), united('resources')];
    const all = [...tools, ...prompts, ...resources].reduce<Labels>(
      (sum, [, each]) => union(sum, each),
      ofServer,
    );
    return Object.freeze({
      own: ofServer,
      everything: read.everything,
      tools: new Map(tools),
      prompts: new Map(prompts),
      resources: Object.freeze(resources.map(([pattern, each]) => Object.freeze({ pattern, labels: each }))),
      all,
    });
  };
  return Object.freeze({
    words,
    servers: new Map(
      Object.entries(servers).map(([name, read]) => [name, toServer(['servers', name], read)]),
    ),
    otherwise: toServer(['otherwise'], otherwise),
    remember: Object.freeze({
      quiet: remember.quietMinutes * 60_000,
      longest: remember.hours === 'always' ? Infinity : remember.hours * 3_600_000,
      apart: remember.apart,
    }),
  });
}
