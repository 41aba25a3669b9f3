import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import type { CallApprovalRules } from '../approvals/approvers.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

const minute = 60_000;

const callApprovalsSchema = z
  .strictObject({
    waitMinutes: z.int().min(1).max(10_080).default(60).meta({
      description:
        'How long a call waits to be decided, in minutes; a call that was refused stays so for as long.',
    }),
    useMinutes: z.int().min(1).max(1_440).default(10).meta({
      description: 'How long after it was approved a call can be made, in minutes.',
    }),
    approvers: z
      .array(
        z.strictObject({
          admin: z.string().regex(namePattern).meta({ description: 'The name in the admin certificate.' }),
          persons: z.array(z.string().trim().min(1).max(500)).max(20).default([]).meta({
            description:
              'Who that is: as owner of agents and as the person of tokens, such as ada@example.com and keycloak:ada.',
          }),
          servers: z.array(z.string().regex(namePattern)).min(1).max(1_024).optional().meta({
            description: 'The servers whose calls this one approves; all of them unless given.',
          }),
        }),
      )
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'The only ones who approve calls; every administrator unless given.' }),
  })
  .meta({ title: 'Countersign approvals of calls' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function callApprovalsJsonSchema(): JsonObject {
  return z.toJSONSchema(callApprovalsSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readCallApprovals(file: string, text: string): CallApprovalRules {
  const yaml = readYaml(file, text);
  const checked = callApprovalsSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = callApprovalsJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  return rulesOf(checked.data);
}

/** What holds without the file. */
export const defaultCallApprovals: CallApprovalRules = Object.freeze(rulesOf(callApprovalsSchema.parse({})));

function rulesOf({
  waitMinutes,
  useMinutes,
  approvers,
}: z.output<typeof callApprovalsSchema>): CallApprovalRules {
  return {
    wait: waitMinutes * minute,
    use: useMinutes * minute,
    approvers:
      approvers?.map(({ admin, persons, servers }) => ({ admin, persons, servers: servers ?? null })) ?? null,
  };
}
