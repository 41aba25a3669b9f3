import { z } from 'zod';
import { readNameTemplate } from '../../enrol/workload/name-template.ts';
import { readSubjectPattern } from '../../enrol/workload/subject-pattern.ts';
import type { WorkloadIssuer, WorkloadRule } from '../../enrol/workload/workload-issuer.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { explainIssue } from './explain-issue.ts';
import {
  ca,
  claims,
  https,
  issuerName,
  pointer,
  privateAddresses,
  wantedClaims,
  words,
} from './issuer-shapes.ts';
import type { KeyedIssuer } from './keyed-issuer.ts';
import { readYaml } from './read-yaml.ts';

/** An issuer and where its keys are. */
export interface ConfiguredIssuer extends WorkloadIssuer, KeyedIssuer {}

const mostIssuers = 32;
const mostRules = 256;

const rule = z.strictObject({
  subject: words.meta({ description: 'The subject, with {names} for what differs.' }),
  claims,
  patterns: z.record(pointer, words).default({}).meta({
    description: 'Claims that hold {names} as well, each by its JSON Pointer, such as that of the pod.',
  }),
  name: words.meta({
    description: 'The name of the certificate, made of the {names} of the subject and of the patterns.',
  }),
  kind: z.enum(['agent', 'ephemeral', 'server', 'gateway']).default('agent').meta({
    description: 'What the certificate is for.',
  }),
  dns: z.array(words).max(16).default([]).meta({ description: 'DNS names that it may carry.' }),
});

const issuer = z
  .strictObject({
    name: issuerName.meta({ description: 'What refusals and the log call the issuer.' }),
    issuer: https.optional().meta({ description: 'The `iss` of its tokens.' }),
    trustDomain: z
      .string()
      .regex(/^[a-z0-9._-]{1,255}$/, 'must be a SPIFFE trust domain')
      .optional()
      .meta({ description: 'The trust domain of its JWT-SVIDs, which need no `iss`.' }),
    audience: words.meta({ description: 'What `aud` of its tokens must hold: a name for this authority.' }),
    keys: z
      .union([z.strictObject({ file: words }), z.strictObject({ url: https })])
      .optional()
      .meta({ description: 'Its key set (JWKS); left out: told by its OpenID configuration.' }),
    ca,
    privateAddresses,
    once: z.boolean().default(true).meta({ description: 'Whether each token gives one certificate.' }),
    longestMinutes: z.int().min(1).max(1_440).default(60).meta({
      description: 'How long a token may live at the most.',
    }),
    rules: z.array(rule).min(1).max(mostRules),
  })
  .refine(
    (read) => (read.issuer === undefined) !== (read.trustDomain === undefined),
    'must have either issuer or trustDomain',
  )
  .refine(
    (read) => read.issuer !== undefined || read.keys !== undefined,
    'must have keys: a trust domain has no OpenID configuration',
  );

const workloadsSchema = z
  .strictObject({ issuers: z.array(issuer).max(mostIssuers).default([]) })
  .meta({ title: 'Countersign workloads' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function workloadsJsonSchema(): JsonObject {
  return z.toJSONSchema(workloadsSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readWorkloads(file: string, text: string): readonly ConfiguredIssuer[] {
  const yaml = readYaml(file, text);
  const checked = workloadsSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = workloadsJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const { issuers } = checked.data;
  refuseDoubles(file, issuers);
  return Object.freeze(issuers.map((read) => toIssuer(file, read)));
}

type Read = z.output<typeof issuer>;

/** Two entries for one issuer would make it open which rules count. */
function refuseDoubles(file: string, issuers: readonly Read[]): void {
  const known = issuers.flatMap(({ name, issuer: url, trustDomain }) => [
    `the name ${name}`,
    url === undefined ? `the trust domain ${trustDomain}` : `the issuer ${url}`,
  ]);
  const twice = known.find((each, at) => known.indexOf(each) !== at);
  if (twice !== undefined) {
    throw new Fault('config_invalid', `${file}: ${twice} stands there twice. Put the rules into one entry.`);
  }
}

function toIssuer(file: string, read: Read): ConfiguredIssuer {
  const { issuer: url, trustDomain = '', keys } = read;
  return Object.freeze({
    name: read.name,
    known: url === undefined ? { trustDomain } : { issuer: url },
    audience: read.audience,
    keys: keysOf(keys, url),
    authority: read.ca ?? null,
    privateAddresses: read.privateAddresses,
    once: read.once,
    longestLife: read.longestMinutes * 60_000,
    rules: Object.freeze(read.rules.map((each) => toRule(file, read.name, each))),
  });
}

function keysOf(keys: Read['keys'], url: string | undefined): ConfiguredIssuer['keys'] {
  if (!keys) return { url: url ?? '', discover: true };
  return 'file' in keys ? keys : { url: keys.url, discover: false };
}

function toRule(file: string, issuerName: string, read: z.output<typeof rule>): WorkloadRule {
  try {
    const subject = readSubjectPattern(read.subject);
    const patterns = new Map(
      Object.entries(read.patterns).map(([at, text]) => [at, readSubjectPattern(text)] as const),
    );
    const names = [subject, ...patterns.values()].flatMap((pattern) => pattern.names);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw new Fault('config_invalid', `{${twice}} stands there twice.`);
    return Object.freeze({
      subject,
      claims: wantedClaims(read.claims),
      patterns,
      name: readNameTemplate(read.name, names),
      kind: read.kind,
      // Of the subject alone: what differs between pods of one account may answer to one name.
      dnsNames: read.dns.map((each) => readNameTemplate(each, subject.names)),
    });
  } catch (error) {
    throw new Fault('config_invalid', `${file}: issuer ${issuerName}: ${errorText(error)}`, { cause: error });
  }
}
