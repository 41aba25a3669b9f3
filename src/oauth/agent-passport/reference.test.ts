import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyApsMcpAuthorizationV1, verifyAuthorityDelegationChain } from 'agent-passport-system';
import fc from 'fast-check';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { billing, delegated, intended, noon, party, signedBy, trusting } from './agent-passport.fixture.ts';
import { checkIntent, IntentRefusal } from './intent.ts';
import { Refusal } from './refusal.ts';
import { chainRefusalNow, verifyChain } from './verify-chain.ts';

const parties = [party(), party(), party(), party()] as const;
const [root, team, agent, stranger] = parties;
const ports = trusting(root);

/** Values that a member may be changed to: sound ones of other places, and unsound ones. */
const values: readonly Json[] = [
  null,
  '',
  0,
  1,
  3,
  255,
  256,
  -1,
  0.5,
  '500',
  '9223372036854775807',
  '00',
  [],
  {},
  ['a'],
  ['*'],
  ['mcp:*'],
  ['mcp:billing:*', 'payments:pay'],
  ['b', 'a'],
  true,
  'unbounded',
  'irreversible',
  'tentative',
  'aps-other-v1',
  '2026-11-26T12:00:00.000Z',
  '2026-11-26T12:00:00Z',
  '2026-11-27T00:00:00.000Z',
  '2026-11-26T11:30:00.000Z',
  root.did,
  team.did,
  `${team.did}#key-1`,
  stranger.did,
  '\ud800',
  { mode: 'unbounded' },
  { mode: 'bounded', unit: 'iso4217:EUR:minor', per_action: '501', cumulative: '5000' },
  { mode: 'bounded', unit: 'iso4217:USD:minor', per_action: '5', cumulative: '50' },
  { remaining: 0 },
  { remaining: 3 },
  { profile: 'aps-score-0-100-v1', ceiling: 81 },
  { profile: 'aps-values-identifiers-v1', required: ['privacy'] },
  { profile: 'aps-tci-v1', ceiling: 'irreversible' },
  { not_before: '2026-11-26T11:59:30.000Z', not_after: '2026-11-26T14:00:00.000Z' },
];

type Path = readonly string[];

/** The places of a record: every member, and those of the members. */
function pathsOf(value: Json, before: Path = []): readonly Path[] {
  if (!isJsonObject(value)) return [before];
  return Object.entries(value).flatMap(([name, member]) => [
    [...before, name],
    ...pathsOf(member, [...before, name]),
  ]);
}

function changedAt(value: Json, [name, ...rest]: Path, change: Json | undefined): Json {
  if (name === undefined) return change ?? null;
  if (!isJsonObject(value)) return value;
  if (rest.length === 0 && change === undefined) {
    return Object.fromEntries(Object.entries(value).filter(([other]) => other !== name));
  }
  return { ...value, [name]: changedAt(value[name] ?? null, rest, change) };
}

const specimen = delegated(root, team, null);
const change = fc.oneof(
  fc.record({
    path: fc.constantFrom(...pathsOf(specimen)),
    to: fc.option(fc.constantFrom(...values), { nil: undefined }),
  }),
  fc.record({
    path: fc.constantFrom(...Object.keys(specimen['authority'] ?? {}).map((facet) => ['authority', facet])),
    to: fc.constantFrom(...values.filter(isJsonObject)),
  }),
);

/** Changes the body and signs it again, or changes what was signed. */
function disturbed(record: JsonObject, signer: (typeof parties)[number], by: Disturbance): Json {
  const { path, to } = by.change;
  const changed = changedAt(record, path, to);
  if (!by.signed || !isJsonObject(changed)) return changed;
  const { delegation_id: _, signature: __, ...body } = changed;
  try {
    return signedBy(signer, body);
  } catch {
    return changed;
  }
}

interface Disturbance {
  readonly change: { readonly path: Path; readonly to: Json | undefined };
  readonly signed: boolean;
}

const disturbance = fc.record({ change, signed: fc.boolean() });

test('O9 chains are judged as the reference implementation judges them, by the same rule', () => {
  const world = fc.record({
    first: fc.option(disturbance, { nil: null, freq: 2 }),
    second: fc.option(disturbance, { nil: null, freq: 4 }),
    links: fc.integer({ min: 0, max: 3 }),
    at: fc.constantFrom(noon, noon - 3_600_000, noon + 7_200_000),
    revocation: fc.constantFrom('active', 'active', 'active', 'revoked', 'unknown'),
  });
  const tally = new Map<string, number>();
  fc.assert(
    fc.property(world, ({ first, second, links, at, revocation }) => {
      const parent = delegated(root, team, null);
      const child = delegated(team, agent, parent);
      const all: Json[] = [
        first ? disturbed(parent, root, first) : parent,
        second ? disturbed(child, team, second) : child,
        delegated(agent, stranger, child, { authority: { depth: { remaining: 1 } } }),
      ].slice(0, links);
      const ours = ((): string => {
        const chain = verifyChain(all, ports);
        const refusal = chain instanceof Refusal ? chain : chainRefusalNow(chain, at, () => revocation);
        return refusal?.code ?? 'valid';
      })();
      const theirs = verifyAuthorityDelegationChain(all, {
        now: new Date(at).toISOString(),
        resolveVerificationKey: (issuer, method) => ports.keyOf(issuer, method, 0),
        trustRoot: ({ issuer }) => issuer === root.did,
        resolveRevocation: () => revocation,
      });
      tally.set(ours, (tally.get(ours) ?? 0) + 1);
      if (theirs.valid) assert.equal(ours, 'valid');
      else
        assert.ok(
          theirs.failures.some(({ code }) => code === ours),
          `${ours}, and they say ${JSON.stringify(theirs)}`,
        );
    }),
    { numRuns: 2_000, seed: 20_261_126 },
  );
  assert.ok((tally.get('valid') ?? 0) > 50, 'too few sound chains to mean anything');
  assert.ok(tally.size >= 18, `only ${[...tally.keys()].join(', ')} came up`);
});

test('O9 intents are judged as the reference implementation judges them, by the same rule', async () => {
  const delegation = delegated(root, agent, null);
  const sound = intended(agent, delegation, { spend: { unit: 'EUR', amount: '1' } });
  const paths = pathsOf(sound);
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.option(
        fc.record({
          path: fc.constantFrom(...paths),
          to: fc.option(fc.constantFrom(...values), { nil: undefined }),
        }),
        {
          nil: null,
          freq: 6,
        },
      ),
      fc.constantFrom({ amount: 12, to: 'ada' }, { to: 'ada', amount: 12 }, { amount: 13, to: 'ada' }, {}),
      fc.constantFrom(noon, noon + 60_000),
      async (by, given, at) => {
        const intent = by ? changedAt(sound, by.path, by.to) : sound;
        const ours = checkIntent(
          intent,
          { server: billing, tool: 'pay', arguments: given, now: at },
          ports.keyOf,
        );
        const theirs = await verifyApsMcpAuthorizationV1(intent, {
          mcp_server: billing,
          tool_name: 'pay',
          arguments: given,
          now: new Date(at).toISOString(),
          resolve_key: async ({ controller, verification_method }: { readonly [name: string]: string }) => {
            const key = ports.keyOf(controller ?? '', verification_method ?? '', 0);
            return key === null ? { state: 'not_found' } : { state: 'resolved', public_key_hex: key };
          },
        } as never);
        if (!(ours instanceof IntentRefusal)) accepted += 1;
        const code = ours instanceof IntentRefusal ? ours.code : 'OK';
        // Where a number stands for its text, or the like, we are the stricter reader.
        if (code !== 'MCP_AUTHORIZATION_MALFORMED') assert.equal(code, theirs.code);
        else assert.notEqual(theirs.code, 'OK');
      },
    ),
    { numRuns: 1_500, seed: 20_261_126 },
  );
  assert.ok(accepted > 30, `only ${accepted} intents were sound`);
});
