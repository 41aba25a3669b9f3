import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

/** One destination, as it is read. */
export type ExportDestination = z.output<typeof destination>;
/** One witness, as it is read. */
export type WitnessSettings = z.output<typeof witness>;
/** The whole file, as it is read. */
export type ExportSettings = z.output<typeof exportSchema>;

const mostDestinations = 16;
const url = z
  .string()
  .regex(
    /^(https:\/\/[^\s?#@]+(\?[^\s#]*)?|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(\/[^\s?#]*)?)$/,
    'must be a URL of https, or of http on this machine',
  )
  .max(1_000);
const secret = z.string().min(1).max(1_024);
const file = z.string().min(1).max(1_024);

/** What every destination has, with what is sent at once unless it says so. */
function common(entries: number, kibibytes: number, seconds: number) {
  return {
    name: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 of a-z, 0-9 and "-"')
      .meta({ description: 'What the position, health and the audit log call the destination.' }),
    refused: z.enum(['stop', 'set-aside']).default('stop').meta({
      description:
        'What is done with an entry that the destination refuses for good: nothing behind it is sent until it is taken, or it is left out and that is written into the log.',
    }),
    entries: z
      .int()
      .min(1)
      .max(100_000)
      .default(entries)
      .meta({ description: 'The most entries in one batch.' }),
    kibibytes: z
      .int()
      .min(1)
      .max(65_536)
      .default(kibibytes)
      .meta({ description: 'The most of their lines in one batch, in KiB; a longer entry goes alone.' }),
    seconds: z
      .number()
      .min(0)
      .max(86_400)
      .default(seconds)
      .meta({ description: 'How long an entry waits for others to be sent with.' }),
    timeoutSeconds: z
      .number()
      .min(1)
      .max(600)
      .default(30)
      .meta({ description: 'How long the destination may take for one batch.' }),
    addresses: z
      .enum(['public', 'any'])
      .default('public')
      .meta({ description: 'Whether the destination may have an address that is not public.' }),
    ca: file.optional().meta({
      description:
        'A file with the only authorities that vouch for it, in PEM; those of the system unless given.',
    }),
    certificate: file
      .optional()
      .meta({ description: 'A file with the certificate that we show to it, in PEM.' }),
    key: secret
      .optional()
      .meta({ description: 'A reference to the key of that certificate, in PEM, such as file:/path.' }),
  };
}

const webhook = z.strictObject({
  kind: z.literal('webhook'),
  ...common(500, 1_024, 1),
  url: url.meta({ description: 'The receiver.' }),
  secret: secret.meta({
    description:
      'A reference to the secret that messages are signed with: whsec_ and the base64 of 24 to 64 octets.',
  }),
});

const syslog = z.strictObject({
  kind: z.literal('syslog'),
  ...common(500, 1_024, 1),
  host: z
    .string()
    .regex(
      /^([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$/,
      'must be a name or an address',
    )
    .meta({ description: 'The receiver; its certificate has to carry this name.' }),
  port: z.int().min(1).max(65_535).default(6_514).meta({ description: 'Its port; RFC 5425 has 6514.' }),
  sender: z
    .string()
    .regex(/^[!-~]{1,255}$/, 'must be printable ASCII without spaces')
    .optional()
    .meta({ description: 'The HOSTNAME of the messages; the name of this machine unless given.' }),
});

const s3 = z.strictObject({
  kind: z.literal('s3'),
  ...common(10_000, 8_192, 900),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket')
    .meta({ description: 'The bucket.' }),
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, 'must be the name of a region')
    .default('us-east-1')
    .meta({ description: 'Its region, which requests are signed for.' }),
  endpoint: z
    .string()
    .regex(
      /^(https:\/\/[A-Za-z0-9.-]+(:\d{1,5})?|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?)$/,
      'must be https://host:port, or http on this machine',
    )
    .optional()
    .meta({ description: 'A store that is not AWS, such as MinIO or Ceph; its buckets are paths.' }),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._~/-]{0,500}$/, 'must be of letters, digits and . _ ~ / -')
    .default('')
    .meta({ description: 'What all keys begin with, such as countersign/.' }),
  accessKeyId: secret.optional().meta({
    description:
      'A reference to the access key; with secretAccessKey. As every AWS program finds it unless given.',
  }),
  secretAccessKey: secret.optional().meta({ description: 'A reference to the secret of the access key.' }),
  lock: z
    .strictObject({
      mode: z.enum(['governance', 'compliance']),
      days: z.int().min(1).max(36_500),
    })
    .optional()
    .meta({
      description: 'Object Lock: how long nobody deletes or replaces an object. The bucket has to have it.',
    }),
});

const otlp = z.strictObject({
  kind: z.literal('otlp'),
  ...common(500, 1_024, 1),
  url: url.meta({ description: 'The receiver of OTLP over HTTP, with its path, usually /v1/logs.' }),
  headers: z
    .record(z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be the name of a header in lower case'), secret)
    .default({})
    .meta({
      description: 'Headers with references to what the receiver wants to see, such as authorization.',
    }),
});

const destination = z.discriminatedUnion('kind', [webhook, syslog, s3, otlp]);

const witness = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 of a-z, 0-9 and "-"')
    .meta({ description: 'What health and the audit log call the witness.' }),
  url: url.meta({
    description:
      'What its add-checkpoint is below: https://authority:8444/v1/witness, or a witness elsewhere.',
  }),
  vkey: z
    .string()
    .regex(
      /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/,
      'must be the key that the witness prints, name+hash+key',
    )
    .max(1_000)
    .meta({ description: 'The key that it signs with, as it prints it.' }),
  everySeconds: z
    .number()
    .min(0.1)
    .max(86_400)
    .default(60)
    .meta({ description: 'How often it is asked to sign.' }),
  limitSeconds: z.number().min(0).max(2_592_000).default(0).meta({
    description:
      'After how long without its signature nothing is let through any more; 0 goes on without it and says so.',
  }),
  certificate: z.enum(['own', 'none']).default('none').meta({
    description: 'Whether the gateway shows its own certificate, as the authority wants to see it.',
  }),
  addresses: z
    .enum(['public', 'any'])
    .default('public')
    .meta({ description: 'Whether it may have an address that is not public.' }),
  ca: file.optional().meta({
    description:
      'A file with the only authorities that vouch for it, in PEM; with an own certificate those of the gateway, otherwise those of the system.',
  }),
});

/** The file of destinations: the JSON Schema for editors is made from it. */
const exportSchema = z
  .strictObject({
    lagSeconds: z
      .number()
      .min(1)
      .max(31_536_000)
      .default(300)
      .meta({ description: 'How old the oldest entry that was not taken may become before that is told.' }),
    destinations: z.array(destination).max(mostDestinations).default([]),
    witnesses: z.array(witness).max(mostDestinations).default([]),
  })
  .meta({ title: 'Countersign exports of audit logs' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function auditExportJsonSchema(): JsonObject {
  return z.toJSONSchema(exportSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readAuditExport(path: string, text: string): ExportSettings {
  const yaml = readYaml(path, text);
  const checked = exportSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = auditExportJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${path}: ${problems.join(' ')}`);
  }
  const seen = new Set<string>();
  for (const { name, certificate, key } of checked.data.destinations) {
    if (seen.has(name)) {
      throw new Fault('config_invalid', `${path}: two destinations are called "${name}". Rename one.`);
    }
    if ((certificate === undefined) !== (key === undefined)) {
      throw new Fault('config_invalid', `${path}: ${name} needs certificate and key, or neither of them.`);
    }
    seen.add(name);
  }
  const witnesses = new Set(checked.data.witnesses.map(({ name }) => name));
  if (witnesses.size < checked.data.witnesses.length) {
    throw new Fault('config_invalid', `${path}: two witnesses have one name. Rename one.`);
  }
  return checked.data;
}
