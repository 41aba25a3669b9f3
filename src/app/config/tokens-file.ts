import { errorText, Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { readKeySet } from '../../oauth/keys/key-source.ts';
import {
  type Binding,
  type ClientPair,
  type Demand,
  type FileTokenRules,
  type IssuerKeyPlace,
  ownIssuer,
  type ServerTokenRule,
  type TokenIssuer,
} from '../../oauth/resource/token-rules.ts';
import { explainIssue } from './explain-issue.ts';
import { wantedClaims } from './issuer-shapes.ts';
import { readYaml } from './read-yaml.ts';
import {
  type ReadDemand,
  type ReadPair,
  type ReadTokenIssuer,
  type ReadTokenServer,
  tokensJsonSchema,
  tokensSchema,
} from './tokens-schema.ts';

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

/** Two entries for one issuer would make it open whose rules count; our own issuer is there without an entry. */
function refuseDoubles(file: string, issuers: readonly ReadTokenIssuer[]): void {
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

function toIssuer(file: string, read: ReadTokenIssuer): TokenIssuer {
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
  { name, issuer: url, keys, ca, privateAddresses: anywhere }: ReadTokenIssuer,
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

function toPair({ clients, agents, roles }: ReadPair): ClientPair {
  return {
    clients: new Set(clients),
    agents: agents ? new Set(agents) : null,
    roles: roles ? new Set(roles) : null,
  };
}

const bindingsOf: Readonly<Record<ReadTokenServer['binding'], readonly Binding[]>> = {
  mtls: ['mtls'],
  'mtls-or-dpop': ['mtls', 'dpop'],
  paired: ['mtls', 'paired'],
  bearer: ['mtls', 'dpop', 'paired', 'bearer'],
};

function toRule(
  file: string,
  name: string,
  read: ReadTokenServer,
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

function toDemand(read: ReadDemand): Demand {
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
