import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

/** Where the state of an authority is, if not in its data folder. */
export type StoreSettings = z.output<typeof storeSchema>;

const hostPattern =
  /^(\/[^\s:]{0,100}|([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:]{2,45}\])(:\d{1,5})?)$/;
const namePattern = /^[^\s"'\\;]{1,63}$/;
const referencePattern = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/\S+)$/;
const notReference = 'must be env:NAME or file:/path, where the secret is';
const file = z.string().min(1).max(1_024);

const postgres = z
  .strictObject({
    hosts: z
      .array(z.string().regex(hostPattern, 'must be host, host:port, or the folder of a Unix socket'))
      .min(1)
      .max(8)
      .meta({
        description:
          'Where its servers are, as host or host:port; the first that takes writes is used. A path of a folder is a Unix socket.',
      }),
    database: z.string().regex(namePattern).meta({ description: 'The database, which is ours alone.' }),
    user: z.string().regex(namePattern).meta({ description: 'The user, who owns the database.' }),
    password: z.string().regex(referencePattern, notReference).optional().meta({
      description: 'Where the password is, as env:NAME or file:/path; read again for every connection.',
    }),
    authorities: file.optional().meta({
      description:
        'A file with the only authorities that vouch for the servers, in PEM; those of the system unless given. Beside store.yaml unless it begins with a slash.',
    }),
    certificate: file
      .optional()
      .meta({ description: 'A file with the certificate that we show to the servers, in PEM.' }),
    key: z.string().regex(referencePattern, notReference).optional().meta({
      description: 'Where the key of that certificate is, in PEM, as env:NAME or file:/path.',
    }),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
    message: 'needs certificate and key, or neither of them',
  });

const storeSchema = z.strictObject({ postgres }).meta({ title: 'Countersign store' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function storeJsonSchema(): JsonObject {
  return z.toJSONSchema(storeSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readStoreFile(path: string, text: string): StoreSettings {
  const yaml = readYaml(path, text);
  const checked = storeSchema.safeParse(yaml.json);
  if (checked.success) return checked.data;
  const schema = storeJsonSchema();
  const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
  throw new Fault('config_invalid', `${path}: ${problems.join(' ')}`);
}
