import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mintingIssuer } from '../../gateway/token.fixture.ts';
import { readTokens } from './tokens-file.ts';

const { jwk } = mintingIssuer();

const whole = `
issuers:
  - name: keycloak
    issuer: https://sso.example.internal/realms/agents
    type: JWT
    algorithms: [RS256, ES256]
    audience: among
    longestMinutes: 15
    person: /preferred_username
    scopes:
      - claims: { /groups: [/engineering, /ops], /realm_access/roles: mcp }
        give: [files:write]
    pairs:
      - clients: [desktop]
        roles: [desk]
  - name: fixed
    issuer: https://fixed.example.internal
    keys: { set: { keys: [${JSON.stringify(jwk)}] } }
allServers: optional
servers:
  files:
    issuers: [keycloak]
    scopes: [files:read]
    demands:
      - tools: [write_file, "delete_*"]
        scopes: [files:write]
        acr: [gold]
        maxAgeSeconds: 300
        stepUpScope: files:sudo
  search:
    binding: bearer
    risk: a stolen token works
`;

test('O1 every member of tokens.yaml means what it says', () => {
  const rules = readTokens('tokens.yaml', whole);
  assert.deepEqual(rules.issuers[0], {
    name: 'keycloak',
    issuer: 'https://sso.example.internal/realms/agents',
    keys: {
      kind: 'place',
      place: { url: 'https://sso.example.internal/realms/agents', discover: true },
      authorities: null,
      privateAddresses: false,
    },
    type: 'JWT',
    algorithms: new Set(['RS256', 'ES256']),
    audience: 'among',
    longestLife: 900_000,
    personAt: '/preferred_username',
    personPrefix: 'keycloak:',
    scopeRules: [
      {
        claims: new Map([
          ['/groups', ['/engineering', '/ops']],
          ['/realm_access/roles', ['mcp']],
        ]),
        scopes: ['files:write'],
      },
    ],
    pairs: [{ clients: new Set(['desktop']), agents: null, roles: new Set(['desk']) }],
  });
  const fixed = rules.issuers[1];
  assert.deepEqual(
    [fixed?.type, fixed?.audience, fixed?.longestLife, fixed?.algorithms],
    ['at+jwt', 'exact', 3_600_000, new Set(['ES256'])],
  );
  assert.equal(fixed?.keys.kind, 'set');
  assert.deepEqual(rules.servers.get('files'), {
    bindings: new Set(['mtls']),
    issuers: new Set(['keycloak']),
    scopes: ['files:read'],
    asked: ['files:read'],
    demands: [
      {
        methods: new Set(['tools/call']),
        tools: ['write_file', 'delete_*'],
        scopes: ['files:write'],
        acr: ['gold'],
        maxAge: 300_000,
        stepUpScope: 'files:sudo',
      },
    ],
  });
  assert.deepEqual(rules.servers.get('search')?.bindings, new Set(['mtls', 'dpop', 'paired', 'bearer']));
  assert.equal(rules.allServersOptional, true);
  assert.deepEqual(rules.allServers?.asked, ['files:read']);
  assert.deepEqual(rules.allServers?.bindings, new Set(['mtls', 'dpop', 'paired', 'bearer']));
});

test('O1 an empty file wants tokens of nobody', () => {
  const rules = readTokens('tokens.yaml', '');
  assert.equal(rules.servers.size, 0);
  assert.equal(rules.allServers, null);
});

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['a misspelt server member', `servers:\n  files:\n    scope: [a]\n`, /line 3: .*scope is not a setting/],
  ['plain bearer without the risk', `servers: { files: { binding: bearer } }`, /a stolen token works/],
  ['the risk written otherwise', `servers: { files: { binding: bearer, risk: "yes" } }`, /risk/],
  ['a risk that is not taken', `servers: { files: { risk: a stolen token works } }`, /nowhere else/],
  ['an issuer without TLS', `issuers: [{ name: a, issuer: "http://a.example" }]`, /https/],
  [
    'none as an algorithm',
    `issuers: [{ name: a, issuer: "https://a.example", algorithms: [none] }]`,
    /must be one of ES256/,
  ],
  [
    'HS256 as an algorithm',
    `issuers: [{ name: a, issuer: "https://a.example", algorithms: [HS256] }]`,
    /must be one of ES256/,
  ],
  ['no algorithm', `issuers: [{ name: a, issuer: "https://a.example", algorithms: [] }]`, /at least 1/],
  [
    'two issuers of one name',
    `issuers: [{ name: a, issuer: "https://a.example" }, { name: a, issuer: "https://b.example" }]`,
    /the name a stands there twice/,
  ],
  [
    'one issuer twice',
    `issuers: [{ name: a, issuer: "https://a.example" }, { name: b, issuer: "https://a.example" }]`,
    /the issuer https:\/\/a.example stands there twice/,
  ],
  ['our own issuer', `issuers: [{ name: countersign, issuer: "https://a.example" }]`, /the authority's own/],
  [
    'an issuer that is not there',
    `servers: { files: { issuers: [a] } }`,
    /names the issuer a, which is not there/,
  ],
  [
    'a client for any agent',
    `issuers: [{ name: a, issuer: "https://a.example", pairs: [{ clients: [x] }] }]`,
    /is no pair/,
  ],
  ['a scope with a quote', `servers: { files: { scopes: ['a"b'] } }`, /must be a scope/],
  ['a scope with a space', `servers: { files: { scopes: ["a b"] } }`, /must be a scope/],
  ['a demand of nothing', `servers: { files: { demands: [{ tools: [a] }] } }`, /it demands nothing/],
  [
    'a demand for everything',
    `servers: { files: { demands: [{ scopes: [a] }] } }`,
    /must say methods, tools or both/,
  ],
  [
    'a star in the middle',
    `servers: { files: { demands: [{ tools: ["a*b"], scopes: [a] }] } }`,
    /must have its one \* at the end/,
  ],
  [
    'keys that are none',
    `issuers: [{ name: a, issuer: "https://a.example", keys: { set: { kys: [] } } }]`,
    /keys of the issuer a/,
  ],
];

for (const [what, text, said] of wrong) {
  test(`O1 tokens.yaml with ${what} is refused whole and says where`, () => {
    assert.throws(() => readTokens('tokens.yaml', text), { code: 'config_invalid', message: said });
  });
}
