import { z } from 'zod';
import { readAgentNames } from '../../enrol/person/agent-names.ts';
import type { RoleRule } from '../../enrol/person/derive-roles.ts';
import type { PersonProvider } from '../../enrol/person/person-provider.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
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

/** A provider and where its keys are. */
export interface ConfiguredProvider extends PersonProvider, KeyedIssuer {}

const minute = 60_000;
const hour = 60 * minute;
const group = z.string().min(1).max(256);
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be a scope');
const role = z.string().regex(namePattern, 'must be lower-case letters, digits, dot, dash or underscore');
const roles = z.array(role).max(50).default([]);

const rule = z
  .strictObject({
    groups: z.array(group).min(1).max(256).optional().meta({ description: 'In one of these groups.' }),
    claims,
    gives: roles.meta({ description: 'Roles that it gives.' }),
    scopes: z
      .array(scope)
      .max(100)
      .default([])
      .meta({ description: 'Scopes that they may give clients; once a rule has some, nobody else has any.' }),
    takes: roles.meta({ description: 'Roles that it takes away again, where rules above gave them.' }),
  })
  .refine(
    (read) => read.gives.length + read.takes.length + read.scopes.length > 0,
    'must give or take something',
  );

const provider = z.strictObject({
  name: issuerName.meta({ description: 'What the log, refusals and `--provider` call it.' }),
  issuer: https.meta({ description: 'The `iss` of its ID tokens, letter by letter.' }),
  client: words.meta({ description: 'The public client that `countersign login` is there.' }),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be a scope'))
    .max(32)
    .default(['email', 'profile'])
    .meta({ description: 'What is asked for beside `openid`.' }),
  person: z
    .string()
    .regex(/^[A-Za-z0-9_.:/-]{1,128}$/, 'must be the name of a claim')
    .default('email')
    .meta({ description: 'The claim that says who somebody is.' }),
  domains: z
    .array(z.string().regex(/^[a-z0-9.-]{1,253}$/, 'must be a domain in lower case'))
    .max(256)
    .default([])
    .meta({ description: 'Domains of the addresses that count; all when left out.' }),
  groups: pointer.default('/groups').meta({ description: 'JSON Pointer of the groups.' }),
  members: z
    .array(group)
    .max(256)
    .default([])
    .meta({ description: 'Groups of which somebody has to be in one; nobody has to when left out.' }),
  agents: z
    .array(words)
    .max(32)
    .default(['{person}', '{person}-*'])
    .meta({ description: 'Names that a person may register an agent by.' }),
  mostAgents: z.int().min(1).max(10_000).default(20).meta({ description: 'How many agents one may own.' }),
  withoutNonce: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether tokens count that are tied to no key.' }),
  authenticatedMinutes: z
    .union([z.int().min(1).max(525_600), z.literal('any')])
    .default(720)
    .meta({ description: 'How long ago somebody may have authenticated at the provider.' }),
  loginHours: z
    .int()
    .min(1)
    .max(8_760)
    .default(168)
    .meta({ description: 'How long after a login its certificates are renewed.' }),
  assertions: z
    .enum(['accepted', 'refused'])
    .default('refused')
    .meta({ description: 'Whether its identity assertions (ID-JAG) give agents tokens for its people.' }),
  pages: z
    .strictObject({
      client: words.meta({ description: 'The client that the pages of the authority are there.' }),
      secret: z
        .string()
        .regex(/^(env|file):/, 'must be env:NAME or file:/path')
        .optional()
        .meta({ description: 'Where its secret is; a public client when left out.' }),
    })
    .optional()
    .meta({ description: 'People sign in there with a browser, and no longer with passkeys.' }),
  ca,
  privateAddresses,
  rules: z.array(rule).max(256).default([]).meta({ description: 'Which roles the agents of whom get.' }),
});

const localRule = z.strictObject({
  groups: z.array(group).min(1).max(256).meta({ description: 'In one of these groups of `person groups`.' }),
  scopes: z
    .array(scope)
    .min(1)
    .max(100)
    .meta({ description: 'Scopes that they may give clients; once there is a rule, nobody else has any.' }),
});

const peopleSchema = z
  .strictObject({
    providers: z.array(provider).max(32).default([]),
    local: z
      .strictObject({ rules: z.array(localRule).max(256).default([]) })
      .optional()
      .meta({ description: 'People that administrators add, who sign in with passkeys.' }),
  })
  .meta({ title: 'Countersign people' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function peopleJsonSchema(): JsonObject {
  return z.toJSONSchema(peopleSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Which scopes the groups of local people give. */
export interface LocalScopeRule {
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
}

/** Reads the file whole, as `readPeople` does, for what it says of local people. */
export function readLocalScopes(file: string, text: string): readonly LocalScopeRule[] {
  return Object.freeze(readFile(file, text).local?.rules ?? []);
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readPeople(file: string, text: string): readonly ConfiguredProvider[] {
  const { providers } = readFile(file, text);
  const known = providers.flatMap(({ name, issuer }) => [`the name ${name}`, `the issuer ${issuer}`]);
  const twice = known.find((each, at) => known.indexOf(each) !== at);
  if (twice !== undefined) throw new Fault('config_invalid', `${file}: ${twice} stands there twice.`);
  return Object.freeze(providers.map((read) => toProvider(file, read)));
}

function readFile(file: string, text: string): z.output<typeof peopleSchema> {
  const yaml = readYaml(file, text);
  const checked = peopleSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = peopleJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  return checked.data;
}

function toProvider(file: string, read: z.output<typeof provider>): ConfiguredProvider {
  const { authenticatedMinutes, loginHours, assertions, pages, ca: authority = null, ...rest } = read;
  const within = authenticatedMinutes === 'any' ? null : authenticatedMinutes * minute;
  try {
    return Object.freeze({
      ...rest,
      agents: rest.agents.map(readAgentNames),
      authenticatedWithin: within,
      loginLife: loginHours * hour,
      vouches: assertions === 'accepted',
      authority,
      keys: { url: rest.issuer, discover: true },
      rules: Object.freeze(rest.rules.map((each) => toRule(each, rest.groups))),
      scopeRules: Object.freeze(
        rest.rules
          .filter(({ scopes }) => scopes.length > 0)
          .map((each) => ({ claims: toRule(each, rest.groups).claims, scopes: each.scopes })),
      ),
      pages: pages ? Object.freeze({ client: pages.client, secret: pages.secret ?? null }) : null,
    });
  } catch (error) {
    throw new Fault('config_invalid', `${file}: provider ${read.name}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function toRule(read: z.output<typeof rule>, groups: string): RoleRule {
  const wanted = new Map(wantedClaims(read.claims));
  if (read.groups) {
    if (wanted.has(groups)) {
      throw new Fault('config_invalid', `A rule has groups and the claim ${groups}, which are the same.`);
    }
    wanted.set(groups, read.groups);
  }
  return Object.freeze({ claims: wanted, gives: read.gives, takes: read.takes });
}
