import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { readKeySet } from '../../oauth/keys/key-source.ts';
import { algorithmNames } from '../../oauth/resource/algorithms.ts';
import { ownIssuer } from '../../oauth/resource/token-rules.ts';
import type {
  Binding,
  ClientPair,
  Demand,
  FileTokenRules,
  IssuerKeyPlace,
  ServerTokenRule,
  TokenIssuer,
} from '../../oauth/resource/token-rules.ts';
import { explainIssue } from './explain-issue.ts';
import {
  claims,
  https,
  issuerName,
  pointer,
  privateAddresses,
  wantedClaims,
  words,
} from './issuer-shapes.ts';
import { readYaml } from './read-yaml.ts';

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

const tokensSchema = z
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

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readTokens(file: string, text: string): FileTokenRules {
  const yaml = readYaml(file, text);
  const checked = tokensSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = tokensJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const { data } = checked;
  refuseDoubles(file, data.issuers);
  const issuers = data.issuers.map((read) => toIssuer(file, read));
  const servers = new Map(
    Object.entries(data.servers).map(([name, read]) => [name, toRule(file, name, read, issuers)] as const),
  );
  return Object.freeze({
    issuers: Object.freeze(issuers),
    servers,
    allServers: servers.size === 0 ? null : together([...servers.values()]),
    allServersOptional: data.allServers === 'optional',
  });
}

type ReadIssuer = z.output<typeof issuer>;

/** Two entries for one issuer would make it open whose rules count; our own issuer is there without an entry. */
function refuseDoubles(file: string, issuers: readonly ReadIssuer[]): void {
  const known = issuers.flatMap(({ name, issuer: url }) => [`the name ${name}`, `the issuer ${url}`]);
  const twice = known.find((each, at) => known.indexOf(each) !== at);
  if (issuers.some(({ name }) => name === ownIssuer)) {
    throw new Fault(
      'config_invalid',
      `${file}: the issuer ${ownIssuer} is the authority's own. Choose another name.`,
    );
  }
  if (twice === undefined) return;
  throw new Fault('config_invalid', `${file}: ${twice} stands there twice. Put both into one entry.`);
}

function toIssuer(file: string, read: ReadIssuer): TokenIssuer {
  return Object.freeze({
    name: read.name,
    issuer: read.issuer,
    keys: keysOf(file, read),
    type: read.type,
    algorithms: new Set(read.algorithms) as TokenIssuer['algorithms'],
    audience: read.audience,
    longestLife: read.longestMinutes * 60_000,
    personAt: read.person,
    personPrefix: `${read.name}:`,
    scopeRules: read.scopes.map(({ claims: wanted, give }) => ({
      claims: wantedClaims(wanted),
      scopes: give,
    })),
    pairs: read.pairs.map(toPair),
  });
}

function keysOf(
  file: string,
  { name, issuer: url, keys, ca, privateAddresses: anywhere }: ReadIssuer,
): IssuerKeyPlace {
  if (keys && 'set' in keys) {
    try {
      return { kind: 'set', set: readKeySet(parseJson(JSON.stringify(keys.set))) };
    } catch (error) {
      throw new Fault('config_invalid', `${file}: the keys of the issuer ${name}: ${errorText(error)}`);
    }
  }
  const place = keys ? { url: keys.url, discover: false } : { url, discover: true };
  return { kind: 'place', place, authorities: ca ?? null, privateAddresses: anywhere };
}

function toPair({ clients, agents, roles }: z.output<typeof pair>): ClientPair {
  return {
    clients: new Set(clients),
    agents: agents ? new Set(agents) : null,
    roles: roles ? new Set(roles) : null,
  };
}

const bindingsOf: Readonly<Record<z.output<typeof server>['binding'], readonly Binding[]>> = {
  mtls: ['mtls'],
  'mtls-or-dpop': ['mtls', 'dpop'],
  paired: ['mtls', 'paired'],
  bearer: ['mtls', 'dpop', 'paired', 'bearer'],
};

function toRule(
  file: string,
  name: string,
  read: z.output<typeof server>,
  issuers: readonly TokenIssuer[],
): ServerTokenRule {
  const known = [ownIssuer, ...issuers.map((each) => each.name)];
  const unknown = read.issuers?.find((each) => !known.includes(each));
  if (unknown !== undefined) {
    throw new Fault(
      'config_invalid',
      `${file}: server ${name} names the issuer ${unknown}, which is not there.`,
    );
  }
  return Object.freeze({
    bindings: new Set(bindingsOf[read.binding]),
    issuers: read.issuers ? new Set(read.issuers) : null,
    scopes: Object.freeze(read.scopes),
    asked: Object.freeze(read.scopes),
    demands: Object.freeze(read.demands.map(toDemand)),
  });
}

function toDemand(read: z.output<typeof demand>): Demand {
  return Object.freeze({
    // Tools are what calls are about.
    methods: new Set(read.methods ?? ['tools/call']),
    tools: read.tools ?? null,
    scopes: read.scopes,
    acr: read.acr ?? null,
    maxAge: read.maxAgeSeconds === undefined ? null : read.maxAgeSeconds * 1_000,
    stepUpScope: read.stepUpScope ?? null,
  });
}

/** What the endpoint of all servers takes: any token that one of them takes. Each looks at it again for itself. */
function together(rules: readonly ServerTokenRule[]): ServerTokenRule {
  return Object.freeze({
    bindings: new Set(rules.flatMap(({ bindings }) => [...bindings])),
    issuers: rules.every(({ issuers }) => issuers !== null)
      ? new Set(rules.flatMap(({ issuers }) => [...(issuers ?? [])]))
      : null,
    scopes: [],
    asked: Object.freeze([...new Set(rules.flatMap(({ scopes: needed }) => needed))]),
    demands: [],
  });
}
