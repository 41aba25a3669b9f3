import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consentPage } from '../../oauth/people/consent-page.ts';
import type { AuthorizationServer } from '../../oauth/server/authorization-server.ts';
import type { InteractionDetails } from '../../oauth/server/interactions.ts';
import type { Authority } from '../authority/authority.ts';
import { readTokens } from '../config/tokens-file.ts';
import { consentDoor } from './consent-door.ts';

const rules = `servers:
  files:
    scopes: [files:read]
    demands:
      - { tools: [write_file, "move_*"], scopes: ["files:write"] }
      - { tools: [delete_file], scopes: ["files:delete"] }
`;
const known = [
  ['read_file', 'approved'],
  ['write_file', 'waiting'],
  ['delete_file', 'approved'],
  ['<b>', 'approved'],
  ['gone', 'refused'],
  ['other', 'changed'],
] as const;

const door = consentDoor(
  {
    people: { door: {}, scopesOf: async () => null },
    store: {
      servers: { list: async () => [{ name: 'files', description: 'of the team' }] },
      tools: { list: async () => known.map(([tool, state]) => ({ tool, state })) },
    },
    tokenRules: () => readTokens('tokens.yaml', rules),
  } as unknown as Authority,
  {} as AuthorizationServer,
);

const asked = (more: Partial<InteractionDetails>): InteractionDetails => ({
  uid: 'u',
  prompt: 'consent',
  signedInSince: null,
  client: { id: 'c', name: 'Editor', host: null, selfMade: false, proven: false, documentHash: null },
  redirectUri: 'https://editor.example/callback',
  asksAgain: false,
  life: 300,
  scopes: ['files:read'],
  resources: ['https://mcp.example/mcp/files'],
  agent: null,
  authorizationDetails: [],
  ...more,
});

async function pageFor(details: InteractionDetails): Promise<string> {
  const servers = await door.serversOf(details.resources, details.scopes);
  const person = {
    person: 'ada',
    displayName: null,
    groups: [],
    state: 'active',
    addedAt: 0,
    revokedAt: null,
  } as const;
  return consentPage({ asked: details, person, servers, key: 'k' }).body.text;
}

test('O2 the page says what each scope is needed for, and which of the known tools the scopes open', async () => {
  const little = await pageFor(asked({}));
  assert.match(little, /use files at all: every request there needs this \(<code>files:read<\/code>\)/);
  assert.match(little, /With these tools, as far as policies let it/);
  assert.match(little, /<code>read_file<\/code> <code>&#60;b&#62;<\/code><\/li>/, 'those alone, and escaped');
  const more = await pageFor(asked({ scopes: ['files:read', 'files:write'] }));
  assert.match(more, /use write_file, move_\* of files/);
  assert.match(more, /<code>write_file<\/code>/);
  assert.doesNotMatch(more, /delete_file|gone|other/);
  assert.doesNotMatch(
    await pageFor(asked({ scopes: ['files:write'] })),
    /With these tools/,
    'not without the first',
  );
  assert.match(
    await pageFor(asked({ resources: ['https://mcp.example/mcp'] })),
    /all servers that the agent may use/,
  );
});

test('O2 nobody vouches for the name of a client that registered itself, and the page says so', async () => {
  const client = {
    id: 'dcr:x',
    name: 'Claude',
    host: null,
    selfMade: true,
    proven: false,
    documentHash: null,
  };
  assert.match(
    await pageFor(asked({ client })),
    /a program that calls itself <strong>Claude<\/strong>; nobody vouches/,
  );
  assert.doesNotMatch(await pageFor(asked({})), /nobody vouches/);
});
