import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { chainsOf, keysOf, type PassportRules, rootedIn } from '../../oauth/agent-passport/passport-rules.ts';
import { isGrant } from '../../oauth/agent-passport/scope-grants.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

const did = z.string().regex(/^did:[a-z0-9]+:[^\s#]{1,900}$/, 'must be a DID, such as did:key:z6Mk…');
const scope = z
  .string()
  .refine((text) => isGrant(text) && !text.endsWith('*'), 'must be a scope without "*"');

const agentPassportsSchema = z
  .strictObject({
    roots: z.array(did).max(64).default([]).meta({ description: 'Who may begin a chain of delegations.' }),
    keys: z
      .record(
        z.string(),
        z.string().regex(/^[0-9a-f]{64}$/, 'must be an Ed25519 key: 64 lower-case hexadecimal digits'),
      )
      .refine(
        (keys) => Object.keys(keys).every((name) => /^did:[a-z0-9]+:[^\s#]+#\S+$/.test(name)),
        'must name each key by its verification method: a DID, "#" and a name',
      )
      .default({})
      .meta({ description: 'Keys of DIDs that are not themselves the key, by verification method.' }),
    agents: z
      .record(z.string().min(1).max(512), z.array(did).min(1).max(16))
      .default({})
      .meta({ description: 'The DIDs of agents, by name; agents of partners by their SPIFFE ID.' }),
    servers: z
      .record(
        z.string().min(1).max(64),
        z.strictObject({
          tools: z
            .record(z.string().min(1).max(128), z.array(scope).min(1).max(16))
            .default({})
            .meta({ description: 'The scopes that tools need; mcp:<server>:<tool> for those left out.' }),
        }),
      )
      .default({})
      .meta({ description: 'Servers whose tool calls have to come with an intent.' }),
    revoked: z
      .array(z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be the id of a delegation'))
      .max(100_000)
      .default([])
      .meta({ description: 'Delegations that were revoked, and with them all below.' }),
    delegations: z
      .array(z.record(z.string(), z.unknown()))
      .max(1_024)
      .default([])
      .meta({ description: 'Records of aps:authority-delegation:v1, in any order.' }),
  })
  .meta({ title: 'Countersign agent passports' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function agentPassportsJsonSchema(): JsonObject {
  return z.toJSONSchema(agentPassportsSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole, and verifies every delegation in it. Throws Fault `config_invalid` that names what is wrong and where. */
export function readAgentPassports(file: string, text: string): PassportRules {
  const yaml = readYaml(file, text);
  const checked = agentPassportsSchema.safeParse(yaml.json);
  if (!checked.success) {
    const schema = agentPassportsJsonSchema();
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, schema));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const { roots, keys, agents, servers, revoked, delegations } = checked.data;
  const keyOf = keysOf(new Map(Object.entries(keys)));
  const chains = chainsOf(delegations as readonly JsonObject[], { keyOf, isRoot: rootedIn(new Set(roots)) });
  if ('refusal' in chains) {
    const { place, refusal } = chains;
    const line = yaml.line(['delegations', String(place)]);
    throw new Fault(
      'config_invalid',
      `${file}: line ${line}: delegation ${place + 1} is not accepted (${refusal.code}): of its chain from the root, number ${refusal.index + 1}: ${refusal.why}`,
    );
  }
  return Object.freeze({
    servers: new Map(
      Object.entries(servers).map(([name, { tools }]) => [name, new Map(Object.entries(tools))]),
    ),
    agents: new Map(Object.entries(agents).map(([name, dids]) => [name, new Set(dids)])),
    chains,
    revoked: new Set(revoked),
    keyOf,
  });
}

/** What holds without the file: nobody is asked for a passport. */
export const noPassports: PassportRules = Object.freeze({
  servers: new Map(),
  agents: new Map(),
  chains: new Map(),
  revoked: new Set<string>(),
  keyOf: () => null,
});
