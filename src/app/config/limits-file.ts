import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Budget, type LimitRule, type LimitRules, limitSubjects } from '../../gateway/limit-rule.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

/** Rules that one file may have: each is looked at for every call of a new kind. */
const mostRules = 64;
const most = 1_000_000_000;

const names = z.array(z.string().min(1).max(4096)).min(1);
const subject = z.enum(limitSubjects);
const count = z.int().min(1).max(most);
const budget = z
  .strictObject({
    calls: count.optional().meta({ description: 'Calls in the window.' }),
    octets: z
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: 'Octets of results in the window.' }),
  })
  .refine(
    ({ calls, octets }) => calls !== undefined || octets !== undefined,
    'must say calls, octets or both',
  );

const rule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 of a-z, 0-9 and "-"')
      .meta({ description: 'What refusals and the audit log call the limit.' }),
    per: z
      .union([subject, z.array(subject).max(limitSubjects.length)])
      .default([])
      .meta({ description: 'Whose calls are counted together: a counter for each; left out: one for all.' }),
    agents: names.optional().meta({ description: 'Only calls of these agents.' }),
    roles: names.optional().meta({ description: 'Only calls of agents with one of these roles.' }),
    persons: names.optional().meta({ description: 'Only calls for these persons.' }),
    servers: names.optional().meta({ description: 'Only calls to these servers.' }),
    tools: z
      .array(z.string().regex(/^[^/]+\/.+$/s, 'must be server/tool, such as files/read_text_file'))
      .min(1)
      .optional()
      .meta({ description: 'Only calls of these tools, each as server/tool.' }),
    rate: z
      .strictObject({
        calls: count.meta({ description: 'Calls in the time.' }),
        seconds: z.number().min(0.001).max(86_400).default(1).meta({ description: 'The time.' }),
        burst: count
          .optional()
          .meta({ description: 'Calls that may come at once; as many as `calls` unless given.' }),
      })
      .optional(),
    concurrent: count.optional().meta({ description: 'Calls and streams that may be open at once.' }),
    budget: z
      .strictObject({ hour: budget.optional(), day: budget.optional() })
      .refine(({ hour, day }) => hour !== undefined || day !== undefined, 'must say hour, day or both')
      .optional()
      .meta({ description: 'What may be used up in each hour or day of UTC.' }),
  })
  .refine(
    ({ rate, concurrent, budget: spent }) =>
      rate !== undefined || concurrent !== undefined || spent !== undefined,
    'must have rate, concurrent or budget; without one it limits nothing',
  );

/** The file of limits: the JSON Schema for editors is made from it. */
export const limitsSchema = z
  .strictObject({ limits: z.array(rule).max(mostRules).default([]) })
  .meta({ title: 'Countersign limits' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function limitsJsonSchema(): JsonObject {
  return z.toJSONSchema(limitsSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readLimits(file: string, text: string): LimitRules {
  const yaml = readYaml(file, text);
  const checked = limitsSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = limitsJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const seen = new Set<string>();
  return Object.freeze(
    checked.data.limits.map((read) => {
      if (seen.has(read.name)) {
        throw new Fault('config_invalid', `${file}: two limits are called "${read.name}". Rename one.`);
      }
      seen.add(read.name);
      return toRule(read);
    }),
  );
}

function toRule(read: z.output<typeof rule>): LimitRule {
  const { rate, per } = read;
  return Object.freeze({
    name: read.name,
    per: Object.freeze([...new Set(typeof per === 'string' ? [per] : per)]),
    only: Object.freeze({
      agents: toSet(read.agents),
      roles: toSet(read.roles),
      persons: toSet(read.persons),
      servers: toSet(read.servers),
      tools: toSet(read.tools),
    }),
    rate: rate
      ? Object.freeze({
          calls: rate.calls,
          milliseconds: rate.seconds * 1_000,
          burst: rate.burst ?? rate.calls,
        })
      : null,
    concurrent: read.concurrent ?? null,
    budget: Object.freeze({ hour: toBudget(read.budget?.hour), day: toBudget(read.budget?.day) }),
  });
}

function toSet(words: readonly string[] | undefined): ReadonlySet<string> | null {
  return words ? new Set(words) : null;
}

function toBudget(read: z.output<typeof budget> | undefined): Budget | null {
  return read ? Object.freeze({ calls: read.calls ?? null, octets: read.octets ?? null }) : null;
}
