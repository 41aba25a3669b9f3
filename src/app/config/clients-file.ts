import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { assertionAlgorithms, type RegisteredClient } from '../../oauth/server/registered-clients.ts';
import { explainIssue } from './explain-issue.ts';
import { ca, https, privateAddresses, words } from './issuer-shapes.ts';
import type { KeyedIssuer } from './keyed-issuer.ts';
import { readYaml } from './read-yaml.ts';

/** A client and where its keys are. */
export interface ConfiguredClient extends KeyedIssuer, Omit<RegisteredClient, 'keys' | 'name'> {
  readonly title: string | null;
}

const grants = {
  alone: 'client_credentials',
  code: 'authorization_code',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
} as const;

/** RFC 8252 §7.3, and the rest is https. */
const redirect = z
  .string()
  .max(1_024)
  .regex(
    /^(https:\/\/[^\s#]+|http:\/\/(127\.0\.0\.1|\[::1\])(:\d{1,5})?\/[^\s#]*)$/,
    'must be a URL of https, or of http at 127.0.0.1 or [::1]',
  );

const client = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 of a-z, 0-9, ".", "_" and "-"')
      .meta({ description: 'The client id.' }),
    name: z.string().min(1).max(80).optional().meta({ description: 'What people are asked about.' }),
    keys: z
      .union([z.strictObject({ file: words }), z.strictObject({ url: https })])
      .meta({ description: 'Its public keys (JWKS): a file here, or where it publishes them.' }),
    algorithm: z
      .enum(assertionAlgorithms)
      .optional()
      .meta({ description: 'The only algorithm that it signs with; any of them when left out.' }),
    does: z
      .array(z.enum(['alone', 'code', 'device']))
      .min(1)
      .max(3)
      .default(['alone'])
      .meta({
        description:
          'How it gets tokens: by itself, or for a person with a browser (code) or another device.',
      }),
    redirects: z
      .array(redirect)
      .max(16)
      .default([])
      .meta({ description: 'Where people are sent back to, for code.' }),
    ca,
    privateAddresses,
  })
  .refine(
    (read) => read.does.includes('code') === read.redirects.length > 0,
    'must have redirects where it does code, and nowhere else',
  );

const clientsSchema = z
  .strictObject({ clients: z.array(client).max(256).default([]) })
  .meta({ title: 'Countersign clients' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function clientsJsonSchema(): JsonObject {
  return z.toJSONSchema(clientsSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readClients(file: string, text: string): readonly ConfiguredClient[] {
  const yaml = readYaml(file, text);
  const checked = clientsSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = clientsJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const { clients } = checked.data;
  const ids = clients.map(({ id }) => id);
  const twice = ids.find((each, at) => ids.indexOf(each) !== at);
  if (twice !== undefined)
    throw new Fault('config_invalid', `${file}: the client ${twice} stands there twice.`);
  return Object.freeze(clients.map(toClient));
}

function toClient(read: z.output<typeof client>): ConfiguredClient {
  const people = read.does.includes('code') || read.does.includes('device');
  return Object.freeze({
    id: read.id,
    name: read.id,
    title: read.name ?? null,
    redirects: read.redirects,
    grants: [...read.does.map((each) => grants[each]), ...(people ? ['refresh_token'] : [])],
    algorithm: read.algorithm ?? null,
    keys: 'file' in read.keys ? read.keys : { url: read.keys.url, discover: false },
    authority: read.ca ?? null,
    privateAddresses: read.privateAddresses,
  });
}
