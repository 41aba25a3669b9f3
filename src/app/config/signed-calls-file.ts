import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

const signedCallsSchema = z
  .strictObject({
    required: z.array(z.string().min(1).max(64)).max(1_024).default([]).meta({
      description: 'Servers whose calls have to be signed with the key of the certificate (RFC 9421).',
    }),
  })
  .meta({ title: 'Countersign signed calls' });

/** The names of servers whose calls have to be signed. */
export type SigningServers = ReadonlySet<string>;

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function signedCallsJsonSchema(): JsonObject {
  return z.toJSONSchema(signedCallsSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readSigningServers(file: string, text: string): SigningServers {
  const yaml = readYaml(file, text);
  const checked = signedCallsSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = signedCallsJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  return new Set(checked.data.required);
}
