import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { algorithmNames } from '../../oauth/resource/algorithms.ts';
import { claims, https, issuerName, pointer, privateAddresses, words } from './issuer-shapes.ts';

const mostIssuers = 16;
const mostServers = 1_024;
const mostDemands = 64;

// RFC 6749 §3.3; what stands in a challenge is quoted there.
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'must be a scope, such as files:write');
const scopes = z.array(scope).max(64);
const acr = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'must be an authentication context class');
const names = z.array(words).min(1).max(256);

const pair = z
  .strictObject({
    clients: names.meta({ description: 'Values of `client_id` or `azp`.' }),
    agents: names.optional().meta({ description: 'Names of agents; left out: any.' }),
    roles: names.optional().meta({ description: 'Roles of agents; left out: any.' }),
  })
  .refine(
    (read) => read.agents !== undefined || read.roles !== undefined,
    'must say agents, roles or both; a client for any agent is no pair',
  );

const issuer = z.strictObject({
  name: issuerName.meta({ description: 'What refusals and the log call the issuer.' }),
  issuer: https.meta({ description: 'The `iss` of its tokens, exactly.' }),
  keys: z
    .union([z.strictObject({ url: https }), z.strictObject({ set: z.record(z.string(), z.json()) })])
    .optional()
    .meta({
      description:
        'Its key set (JWKS): a URL, or the set itself; left out: told by its OpenID configuration.',
    }),
  ca: z.string().startsWith('-----BEGIN CERTIFICATE-----').max(65_536).optional().meta({
    description: 'The only authorities that vouch for its server, in PEM.',
  }),
  privateAddresses,
  type: z.enum(['at+jwt', 'JWT']).default('at+jwt').meta({
    description:
      'The `typ` of its access tokens: at+jwt is that of RFC 9068, JWT that of Keycloak and others.',
  }),
  algorithms: z
    .array(z.enum(algorithmNames as readonly [string, ...string[]]))
    .min(1)
    .default(['ES256'])
    .meta({ description: 'The algorithms that it signs with.' }),
  audience: z.enum(['exact', 'among']).default('exact').meta({
    description: 'Whether `aud` is the resource alone, or may name others as well.',
  }),
  longestMinutes: z.int().min(1).max(1_440).default(60).meta({
    description: 'How long a token may live at the most.',
  }),
  person: pointer.default('/sub').meta({
    description: 'The claim that names the person for policies and the log, by its JSON Pointer.',
  }),
  scopes: z
    .array(z.strictObject({ claims, give: scopes.min(1) }))
    .max(256)
    .default([])
    .meta({ description: 'Scopes that claims give, such as groups and roles, besides those in `scope`.' }),
  pairs: z.array(pair).max(256).default([]).meta({
    description: 'Which clients may use tokens that are bound to nothing, beside which agents.',
  }),
});

const demand = z
  .strictObject({
    methods: z.array(words).min(1).optional().meta({ description: 'MCP methods, such as tools/call.' }),
    tools: z
      .array(z.string().regex(/^[^*]+\*?$|^\*$/, 'must have its one * at the end, if any'))
      .min(1)
      .max(256)
      .optional()
      .meta({ description: 'Tools by name, or by the beginning of it and *.' }),
    scopes: scopes.default([]).meta({ description: 'Scopes that are needed.' }),
    acr: z
      .array(acr)
      .min(1)
      .max(16)
      .optional()
      .meta({ description: 'How the person has to have logged in.' }),
    maxAgeSeconds: z.int().min(1).max(31_536_000).optional().meta({
      description: 'How long ago the person may have logged in.',
    }),
    stepUpScope: scope.optional().meta({
      description: 'The scope that a client is to ask for when the login is not good enough.',
    }),
  })
  .refine(
    (read) => read.methods !== undefined || read.tools !== undefined,
    'must say methods, tools or both; what every request needs stands in scopes of the server',
  )
  .refine(
    (read) => read.scopes.length > 0 || read.acr !== undefined || read.maxAgeSeconds !== undefined,
    'must have scopes, acr or maxAgeSeconds; without one it demands nothing',
  );

const server = z
  .strictObject({
    binding: z.enum(['mtls', 'mtls-or-dpop', 'paired', 'bearer']).default('mtls').meta({
      description: 'How a token has to be bound to whoever presents it.',
    }),
    risk: z.literal('a stolen token works').optional().meta({
      description: 'Has to stand beside `binding: bearer`, which is that.',
    }),
    issuers: z
      .array(issuerName)
      .min(1)
      .optional()
      .meta({ description: 'Whose tokens count; left out: all.' }),
    scopes: scopes.default([]).meta({ description: 'Scopes that every request needs.' }),
    demands: z
      .array(demand)
      .max(mostDemands)
      .default([])
      .meta({ description: 'What some calls need besides.' }),
  })
  .refine(
    ({ binding, risk }) => (binding === 'bearer') === (risk !== undefined),
    'must have "risk: a stolen token works" beside "binding: bearer", and nowhere else',
  );

/** The file of token rules: the JSON Schema for editors is made from it. */
export const tokensSchema = z
  .strictObject({
    issuers: z.array(issuer).max(mostIssuers).default([]),
    allServers: z.enum(['required', 'optional']).default('required').meta({
      description: 'Whether /mcp is for those without a token too, who then see the servers that need none.',
    }),
    servers: z.record(words, server).default({}),
  })
  .refine(
    ({ servers }) => Object.keys(servers).length <= mostServers,
    `must have at most ${mostServers} servers`,
  )
  .meta({ title: 'Countersign tokens' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function tokensJsonSchema(): JsonObject {
  return z.toJSONSchema(tokensSchema, { io: 'input' }) as unknown as JsonObject;
}

export type ReadTokenIssuer = z.output<typeof issuer>;
export type ReadPair = z.output<typeof pair>;
export type ReadTokenServer = z.output<typeof server>;
export type ReadDemand = z.output<typeof demand>;
