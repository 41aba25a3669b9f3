import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { decodeProtectedHeader } from 'jose';
import { findOperation } from '../../src/app/admin/operations.ts';
import { mintingIssuer } from '../../src/gateway/token.fixture.ts';
import { openTown, type Presentable, type Town, until } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { openScriptedServer } from '../journeys/scripted-server.ts';
import { openRecordedServer, type RecordedServer } from './recorded-server.ts';

const sso = mintingIssuer();
const _meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** An agent with a certificate of its own, and tokens bound to it. */
interface Agent extends AsyncDisposable {
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /** A call of 2026-07-28 at a server, or at all of them when that is ''. */
  call(server: string, token: string | null, tool?: string): Promise<Answer>;
  /** A token of the authority, got with the agent's certificate. */
  issued(resource: string): Promise<string>;
  legacy(server: string, token: string, session: string | null, method: string): Promise<Answer>;
  fetch(path: string): Promise<Answer>;
  /** A stream of news of a server. */
  listen(server: string, token: string): Promise<{ readonly status: number; readonly ended: Promise<void> }>;
  readonly over: ReturnType<typeof mutualFetch>;
}

interface Claims {
  readonly jti: string;
  readonly iat: number;
}

interface Answer {
  readonly status: number;
  readonly challenge: string | null;
  readonly session: string | null;
  readonly body: {
    readonly error?: { readonly data?: { readonly code?: string } };
    readonly [name: string]: unknown;
  };
}

describe('O1 tokens over real connections', () => {
  let town: Town;
  let server: RecordedServer;
  let own: Agent;
  let thief: Agent;

  const rules = (more = ''): string => `
issuers:
  - { name: sso, issuer: "${sso.issuer.issuer}", keys: { set: { keys: [${JSON.stringify(sso.jwk)}] } } }
servers:
  files:
    scopes: [files:read]
    demands: [{ tools: [write_file], scopes: [files:write] }]
${more}`;

  before(async () => {
    [town, server] = await Promise.all([openTown(), openRecordedServer()]);
    await town.addHttpServer('files', server.url);
    await town.addHttpServer('open', server.url);
    await town.permit('permit (principal, action, resource);');
    await putTokens(town, rules());
    own = await agentOf(town, 'ci-bot');
    thief = await agentOf(town, 'thief');
  });
  after(async () => {
    await own[Symbol.asyncDispose]();
    await thief[Symbol.asyncDispose]();
    await town[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test('RFC 9728 §5.1 who has no token is told where the metadata is, and finds there who issues tokens', async () => {
    const none = await own.call('files', null);
    assert.deepEqual([none.status, none.body.error?.data?.code], [401, 'token_required']);
    const url = `${town.gateway.agents.url}/.well-known/oauth-protected-resource/mcp/files`;
    assert.equal(none.challenge, `Bearer resource_metadata="${url}", scope="files:read"`);
    const found = await own.fetch('/.well-known/oauth-protected-resource/mcp/files');
    assert.equal(found.status, 200);
    assert.equal(found.body['resource'], town.endpoint('files'));
    assert.deepEqual(found.body['authorization_servers'], [town.authorityUrl, sso.issuer.issuer]);
    const root = await own.fetch('/.well-known/oauth-protected-resource');
    assert.equal(root.body['resource'], `${town.gateway.agents.url}/mcp`);
    assert.equal((await own.fetch('/.well-known/oauth-protected-resource/mcp/open')).status, 404);
    assert.equal((await own.call('open', null)).status, 200, 'a server that wants none');
  });

  test('law 3 the token reaches no server, and its record names who, for whom and by which token', async () => {
    const actors = ['spiffe://example.internal/agent/ci-bot', 'spiffe://example.internal/agent/planner'];
    const token = await own.token({ act: { sub: actors[0], act: { sub: actors[1] } } });
    const before = server.seen.length;
    assert.equal((await own.call('files', token)).status, 200);
    assert.equal((await own.call('open', token)).status, 200, 'shown where none is wanted');
    const seen = server.seen.slice(before);
    assert.ok(seen.length >= 2);
    for (const { headers, url, body } of seen) {
      const all = `${JSON.stringify(headers)} ${url} ${body.toString()}`;
      for (const part of token.split('.')) assert.ok(!all.includes(part));
      assert.equal(headers.authorization, undefined);
    }
    const events = await town.events();
    const permitted = events.filter(({ type, agent }) => type === 'call.permitted' && agent === 'ci-bot');
    const record = permitted.find((event) => event['server'] === 'files');
    const named = ['person', 'client', 'grant', 'tokenId', 'issuer', 'binding'].map((name) => record?.[name]);
    assert.deepEqual(named, ['sso:alice', 'desktop', 'grant-1', 'token-1', 'sso', 'mtls']);
    assert.deepEqual(record?.['actors'], actors, 'and through whom');
    const text = JSON.stringify(events);
    for (const part of token.split('.')) assert.ok(!text.includes(part), 'no part of a token is in the log');
  });

  test('RFC 8705 §3 a token that was stolen is dead with the certificate of another agent, and that is in the log', async () => {
    const token = await own.token();
    assert.equal((await own.call('files', token)).status, 200);
    const before = server.seen.length;
    const stolen = await thief.call('files', token);
    assert.deepEqual([stolen.status, stolen.body.error?.data?.code], [401, 'token_invalid']);
    assert.match(stolen.challenge ?? '', /error="invalid_token"/);
    assert.equal(server.seen.length, before);
    const refused = (await town.events()).filter(
      ({ type, agent }) => type === 'call.refused' && agent === 'thief',
    );
    assert.equal(refused.at(-1)?.['code'], 'token_invalid');
  });

  test('O7 a tool that needs more is answered with all that it needs', async () => {
    const little = await own.token({ scope: 'files:read' });
    assert.equal((await own.call('files', little, 'read_file')).status, 200);
    const more = await own.call('files', little, 'write_file');
    assert.deepEqual([more.status, more.body.error?.data?.code], [403, 'scope_insufficient']);
    assert.match(more.challenge ?? '', /error="insufficient_scope", scope="files:read files:write"/);
    assert.equal((await own.call('files', await own.token(), 'write_file')).status, 200);
  });

  test('law 5 a session belongs to the agent and the person together', async () => {
    const alice = await own.token();
    const bob = await own.token({ sub: 'bob' });
    const { session } = await own.legacy('files', alice, null, 'initialize');
    assert.ok(session);
    assert.equal((await own.legacy('files', alice, session, 'ping')).status, 200);
    assert.equal((await own.legacy('files', bob, session, 'ping')).status, 404);
    // A token that was renewed is of the same person.
    assert.equal(
      (await own.legacy('files', await own.token({ jti: 'token-2' }), session, 'ping')).status,
      200,
    );
  });

  test('RFC 8707 §2 at the endpoint of all servers a token for all of them counts, and each server looks at it again', async () => {
    const all = `${town.gateway.agents.url}/mcp`;
    assert.equal((await own.call('', null)).status, 401);
    assert.equal((await own.call('', await own.token())).status, 401, 'that of one server');
    const token = await own.token({ aud: all, scope: 'files:read' });
    assert.equal((await own.call('files', token)).status, 401, 'and the other way round');
    assert.equal((await thief.call('', token)).status, 401);
    const { session } = await own.legacy('', token, null, 'initialize');
    assert.ok(session);
    assert.equal((await own.legacy('', token, session, 'ping')).status, 200);
    const bob = await own.token({ aud: all, scope: 'files:read', sub: 'bob' });
    assert.equal((await own.legacy('', bob, session, 'ping')).status, 404);
    const uri = await own.legacy('', token, session, 'resources/subscribe');
    assert.equal(uri.status, 200);
    const without = await own.token({ aud: all, scope: '' });
    const opened = await own.legacy('', without, null, 'initialize');
    const little = await own.legacy('', without, opened.session, 'resources/subscribe');
    assert.deepEqual([little.status, little.body.error?.data?.code], [403, 'scope_insufficient']);
    assert.match(
      little.challenge ?? '',
      new RegExp(
        `resource_metadata="${town.gateway.agents.url}/.well-known/oauth-protected-resource/mcp", error="insufficient_scope", scope="files:read"`,
      ),
    );
  });

  test('A1 policies see person, client, scopes, binding, acr and who acts (RFC 8693 §4.1) of the token', async () => {
    const seen = [
      'context has person && context.person == "sso:alice"',
      'context has client && context.client == "desktop"',
      'context.scopes.contains("files:read")',
      'context.binding == "mtls"',
      'context has acr && context.acr == "gold"',
      'context has actor && context.actor == "near"',
    ];
    await town.permit(`
      permit (principal, action in Action::"read", resource);
      permit (principal, action == Action::"tools/call", resource in Server::"files") when { ${seen.join(' && ')} };
      forbid (principal, action, resource) when { context.actors.contains("banned") };
    `);
    const actingFor = (...chain: readonly string[]): object =>
      chain.reduceRight<object>((act, sub) => ({ act: { sub, ...act } }), {});
    const gold = { acr: 'gold', ...actingFor('near', 'far') };
    const codeOf = async (claims: object): Promise<string | undefined> =>
      (await own.call('files', await own.token({ ...gold, ...claims }))).body.error?.data?.code;
    assert.equal(await codeOf({}), undefined);
    assert.equal(await codeOf({ sub: 'bob' }), 'denied');
    assert.equal(await codeOf({ client_id: 'other' }), 'denied');
    assert.equal(await codeOf({ acr: 'silver' }), 'denied');
    assert.equal(await codeOf(actingFor('far', 'near')), 'denied', 'the nearest counts');
    assert.equal(await codeOf({ act: undefined }), 'denied');
    assert.equal(await codeOf(actingFor('near', 'far', 'banned')), 'denied');
    await town.permit('permit (principal, action, resource);');
  });

  test('a file that is wrong changes nothing, and a right one takes force without a connection lost', async () => {
    const token = await own.token();
    await writeFile(join(town.data.policies, 'tokens.yaml'), 'servers: nowhere');
    await until(() => town.deployment.authority.policyProblem() !== null);
    assert.equal((await own.call('files', token)).status, 200);
    assert.equal((await own.call('files', null)).status, 401, 'the last good one stays');
    await putTokens(town, rules('  open: {}\n  news: {}'));
    assert.equal((await own.call('open', null)).status, 401);
    assert.equal((await own.call('open', await own.token({ aud: town.endpoint('open') }))).status, 200);
  });

  test('O8 ending a grant cuts the stream that was opened with it, and refuses its tokens from then on', async () => {
    await using news = await openScriptedServer({});
    await town.addHttpServer('news', news.url);
    const token = await own.issued(town.endpoint('news'));
    const { jti, iat } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims;
    const stream = await own.listen('news', token);
    assert.equal(stream.status, 200);
    const { oauth } = town.deployment.authority.store;
    const begun = performance.now();
    await oauth.end({ kind: 'token', key: jti, before: iat * 1_000, until: Date.now() + 400_000 });
    await assert.rejects(stream.ended);
    assert.ok(performance.now() - begun < 1_000, 'within a second');
    const refused = await own.call('news', token);
    assert.deepEqual([refused.status, refused.body.error?.data?.code], [401, 'token_ended']);
    assert.equal(
      (await own.call('open', await own.issued(town.endpoint('open')))).status,
      200,
      'another one counts',
    );
  });

  test('O1 the official SDK finds from the refusal who issues the tokens of a server', async () => {
    const over = own.over;
    const refused = await over(town.endpoint('files'), {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(new Response(null, refused));
    assert.equal(scope, 'files:read');
    assert.ok(resourceMetadataUrl);
    const metadata = await discoverOAuthProtectedResourceMetadata(
      town.endpoint('files'),
      { resourceMetadataUrl },
      over,
    );
    assert.equal(metadata.resource, town.endpoint('files'));
    const [first = ''] = metadata.authorization_servers ?? [];
    assert.equal(
      (await discoverAuthorizationServerMetadata(first, { fetchFn: over }))?.issuer,
      town.authorityUrl,
    );
    // Without the hint it looks at the path of the server first, and finds the same.
    assert.deepEqual(
      await discoverOAuthProtectedResourceMetadata(town.endpoint('files'), {}, over),
      metadata,
    );
  });

  test('O2 a token of the authority itself is taken with its certificate and with no other', async () => {
    const token = await own.issued(town.endpoint('open'));
    assert.equal((await own.call('open', token)).status, 200);
    assert.equal((await thief.call('open', token)).status, 401);
    const permitted = (await town.events()).filter(({ type }) => type === 'call.permitted').at(-1);
    assert.deepEqual(
      [permitted?.['issuer'], permitted?.['binding'], permitted?.['client']],
      ['countersign', 'mtls', 'spiffe://example.internal/agent/ci-bot'],
    );
  });

  test('O2 another key signs tokens once an administrator says so, and what a compromised one signed is dead', async () => {
    const rotate = async (compromised: boolean): Promise<void> => {
      const before = town.gateway.view.tokens();
      const order = { compromised, reason: 'test' };
      const actor = { name: 'ops', way: 'local' } as const;
      await findOperation('token.rotate-key').run(town.deployment.authority, order, actor);
      await until(() => town.gateway.view.tokens() !== before);
    };
    const kidOf = (token: string): unknown => decodeProtectedHeader(token).kid;
    const first = await own.issued(town.endpoint('open'));
    await rotate(false);
    const second = await own.issued(town.endpoint('open'));
    assert.notEqual(kidOf(second), kidOf(first));
    for (const token of [first, second]) assert.equal((await own.call('open', token)).status, 200);
    await rotate(true);
    for (const token of [first, second]) assert.equal((await own.call('open', token)).status, 401);
    const order = { compromised: false, reason: 'twice at once' };
    const both = [1, 2].map(() =>
      findOperation('token.rotate-key').run(town.deployment.authority, order, { name: 'ops', way: 'local' }),
    );
    const results = await Promise.allSettled(both);
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
    const told = (type: string): number => log.split(`"type":"${type}"`).length - 1;
    assert.deepEqual(
      [told('token-key.rotating'), told('token-key.rotated')],
      [4, 3],
      'no record of what was not',
    );
    const third = await own.issued(town.endpoint('open'));
    assert.equal((await own.call('open', third)).status, 200);
  });
});

async function putTokens(town: Town, yaml: string): Promise<void> {
  const before = town.gateway.view.tokenRules();
  await writeFile(join(town.data.policies, 'tokens.yaml'), yaml);
  await until(() => town.gateway.view.tokenRules() !== before);
}

async function agentOf(town: Town, name: string): Promise<Agent> {
  await town.addAgent(name);
  const shown = await town.issue(name);
  const fetch = mutualFetch(shown);
  const at = (server: string): string =>
    server === '' ? `${town.gateway.agents.url}/mcp` : town.endpoint(server);
  const send = async (
    url: string,
    headers: Record<string, string>,
    message: object | null,
  ): Promise<Answer> => {
    const response = await fetch(url, {
      method: message ? 'POST' : 'GET',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      ...(message && { body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      session: response.headers.get('mcp-session-id'),
      body: (text.startsWith('{') ? JSON.parse(text) : {}) as Answer['body'],
    };
  };
  return {
    token(claims = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const cnf = { 'x5t#S256': thumbprintOf(shown) };
      return sso.token({ iat: now, exp: now + 300, aud: town.endpoint('files'), cnf, ...claims });
    },
    async call(server, token, tool = 'read_file') {
      const params = { name: server === '' ? `files__${tool}` : tool, arguments: {}, _meta };
      const headers = {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': params.name,
        ...(token !== null && { authorization: `Bearer ${token}` }),
      };
      return await send(at(server), headers, { method: 'tools/call', params });
    },
    async legacy(server, token, session, method) {
      const clientInfo = { name: 'raw', version: '1' };
      const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
      const params =
        method === 'initialize' ? initialize : method === 'ping' ? {} : { uri: 'mcp://files/file:///a' };
      const headers = {
        authorization: `Bearer ${token}`,
        ...(session !== null && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
      };
      return await send(at(server), headers, { method, params });
    },
    async issued(resource) {
      const client = `spiffe://example.internal/agent/${name}`;
      const form = { grant_type: 'client_credentials', client_id: client, resource };
      const response = await fetch(`${town.authorityUrl}/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form).toString(),
      });
      return ((await response.json()) as { access_token?: string }).access_token ?? '';
    },
    over: fetch,
    async listen(server, token) {
      const params = { notifications: {}, _meta };
      const response = await fetch(at(server), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'subscriptions/listen',
          authorization: `Bearer ${token}`,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }),
      });
      return { status: response.status, ended: response.text().then(() => undefined) };
    },
    fetch: (path) => send(`${town.gateway.agents.url}${path}`, {}, null),
    [Symbol.asyncDispose]: () => fetch[Symbol.asyncDispose](),
  };
}

/** RFC 8705 §3.1: over the DER of the certificate. */
function thumbprintOf({ cert }: Presentable): string {
  const [, base64 = ''] = /-----BEGIN CERTIFICATE-----([^-]+)/.exec(cert) ?? [];
  return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64url');
}
