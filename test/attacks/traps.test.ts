import assert from 'node:assert/strict';
import { request as overTcp } from 'node:http';
import { request as overTls } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { configJsonSchema } from '../../src/app/config/json-schema.ts';
import { contextMembers, entityTypes } from '../../src/policy/schema.ts';
import { openRawSession, post, rawInitialize } from '../../tour/raw-request.ts';
import { openTown, type Presentable, type Town, until } from '../journeys/deployment.ts';
import { legacyClient, modernClient, mutualFetch, textOf } from '../journeys/mcp-clients.ts';
import { type HttpServer, openLegacyServer, openModernServer } from '../journeys/mcp-servers.ts';
import { mint } from '../journeys/mint.ts';

// What other gateways got wrong, each as one specification that names it. `docs/traps.md` lists them all, with those
// that are specified beside the code.

describe('traps that others fell into', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let old: HttpServer;
  let shown: Presentable;
  let other: Presentable;

  before(async () => {
    old = opened.use(await openLegacyServer());
    const modern = opened.use(await openModernServer());
    town = opened.use(await openTown());
    await town.addHttpServer('old', old.url);
    await town.addHttpServer('modern', modern.url);
    const script = join(import.meta.dirname, '../journeys/stdio-server-v1.ts');
    await town.addStdioServer('child', [process.execPath, script]);
    await town.addAgent('ci-bot', ['writer']);
    await town.addAgent('other-bot');
    shown = await town.issue('ci-bot');
    other = await town.issue('other-bot');
  });
  after(() => opened.disposeAsync());

  const echo = async (server: string, as: Presentable): Promise<string> => {
    await using fetch = mutualFetch(as);
    const client = await legacyClient(town.endpoint(server), fetch);
    try {
      return textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }));
    } finally {
      await client.close();
    }
  };

  test('S4 identity is not lost on the way to a stdio server (trap: identity lost on a non-HTTP path)', async () => {
    await town.permit(`
      permit (principal, action in Action::"read", resource);
      permit (principal == Agent::"ci-bot", action == Action::"tools/call", resource);
    `);
    assert.equal(await echo('child', shown), 'v1 hi');
    await assert.rejects(echo('child', other), /no policy permits/);
    const calls = (await town.events()).filter(({ messages }) =>
      JSON.stringify(messages)?.includes('tools/call'),
    );
    assert.deepEqual(
      calls.map(({ type, agent, server }) => [type, agent, server]),
      [
        ['call.permitted', 'ci-bot', 'child'],
        ['call.answered', 'ci-bot', 'child'],
        ['call.refused', 'other-bot', 'child'],
      ],
    );
  });

  test('law 1 what a header says of a certificate is not believed (trap: header-trusted mTLS)', async () => {
    await town.permit('@id("boss") permit (principal == Agent::"ci-bot", action, resource);');
    const claims = {
      'x-forwarded-client-cert': `By=spiffe://example.internal/gateway/g;URI=spiffe://example.internal/agent/ci-bot`,
      'x-client-cert': encodeURIComponent(shown.cert),
      'x-ssl-client-cert': encodeURIComponent(shown.cert),
      'x-ssl-client-verify': 'SUCCESS',
      'x-ssl-client-s-dn': 'CN=ci-bot',
      'client-cert': `:${Buffer.from(shown.cert).toString('base64')}:`,
      'x-forwarded-user': 'ci-bot',
      'x-remote-user': 'ci-bot',
      'x-agent': 'ci-bot',
      authorization: 'Bearer ci-bot',
    };
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const claimed = await post(town.endpoint('old'), other, false, ping, claims);
    assert.match(claimed.body, /other-bot.*no policy permits/);
    const { ca } = shown;
    assert.equal((await post(town.endpoint('old'), { ca }, false, ping, claims)).status, null);
  });

  test('T6 no listener answers to a foreign Host or to a foreign page (trap: guards against DNS rebinding shipped disabled)', async () => {
    const { listeners } = town.deployment;
    assert.deepEqual(Object.keys(listeners).sort(), ['agents', 'authority', 'ops', 'people', 'plain']);
    for (const [name, { url }] of Object.entries(listeners)) {
      assert.equal(await statusOf(url, shown, { host: 'evil.example' }), 421, `${name} and a foreign Host`);
      const foreign = { origin: 'https://evil.example' };
      assert.equal(await statusOf(url, shown, foreign), 403, `${name} and a foreign Origin`);
    }
  });

  test('T1 nothing that can be set turns the client certificate off (trap: auth silently off in a container)', async () => {
    // No setting is a switch, and none speaks of certificates, identity, policies or the log.
    const settings = JSON.stringify(configJsonSchema());
    assert.doesNotMatch(settings, /"boolean"/);
    assert.doesNotMatch(settings, /"(insecure|disable|skip|anonymous|allow)[A-Za-z]*":/i);
    // What containers and clusters set, as the gateway's own environment.
    const container = {
      container: 'docker',
      KUBERNETES_SERVICE_HOST: '10.0.0.1',
      DOCKER_MCP_IN_CONTAINER: '1',
    };
    const before = { ...process.env };
    Object.assign(process.env, container, { NODE_ENV: 'development', COUNTERSIGN_INSECURE: '1' });
    try {
      await using contained = await openTown();
      await contained.permit('permit (principal, action, resource);');
      const nobody = await rawInitialize(contained.endpoint('old'), { ca: shown.ca });
      assert.equal(nobody.status, null);
    } finally {
      process.env = before;
    }
  });

  test('A1 everything a policy may look at is there when the gateway asks (trap: fields advertised and never filled)', async () => {
    const conditions: Readonly<Record<keyof typeof contextMembers, string>> = {
      arguments: 'context.arguments has message && context.arguments.message == "hi"',
      method: 'context.method == "tools/call"',
      time: 'context.time > 1700000000000',
      address: 'context.address == "127.0.0.1"',
      ip: 'context has ip && context.ip.isLoopback()',
      profile: 'context.profile == "ephemeral"',
      binding: 'context.binding == "certificate"',
      // With a token they are filled: test/attacks/tokens.test.ts.
      person: '!(context has person)',
      client: '!(context has client)',
      scopes: '!context.scopes.contains("files:read")',
      acr: '!(context has acr)',
      actor: '!(context has actor)',
      actors: '!context.actors.contains("a")',
      key: 'context.key == "unknown"',
      labels: '!context.labels.contains("private")',
      touched: '!context.touched.contains("private")',
      // With an Agent Passport they are filled: test/journeys/agent-passports.test.ts.
      passport: '!(context has passport)',
      passportScopes: '!context.passportScopes.contains("a")',
      passportValues: '!context.passportValues.contains("a")',
      passportReputation: 'context.passportReputation == 0',
      passportReversibility: 'context.passportReversibility == ""',
    };
    assert.deepEqual(Object.keys(conditions), Object.keys(contextMembers));
    assert.deepEqual(entityTypes['Agent']?.attributes, ['name', 'owner', 'profile']);
    assert.deepEqual(entityTypes['Tool']?.attributes, ['name', 'server']);
    const of = 'principal.name == "ci-bot" && principal.owner == "o" && principal.profile == "ephemeral"';
    const what = 'resource.name == "echo" && resource.server == "old"';
    const all = [of, what, ...Object.values(conditions)].join(' && ');
    await town.permit(`
      @id("fields") permit (principal, action in Action::"read", resource);
      permit (principal in Role::"writer", action == Action::"tools/call", resource in Server::"old") when { ${all} };
    `);
    assert.equal(await echo('old', await town.issue('ci-bot', 'ephemeral')), 'legacy hi');
    await assert.rejects(
      echo('old', shown),
      /no policy permits/,
      'an agent certificate is not an ephemeral one',
    );
  });

  test('I8 a policy that demands hardware lets in the certificate whose key is attested to be there, and no other', async () => {
    await town.permit(`
      permit (principal, action in Action::"read", resource);
      permit (principal, action == Action::"tools/call", resource) when { context.key == "hardware" };
    `);
    const hardware = { format: 'tpm', maker: 'fleet', device: 'SN-1000' };
    assert.equal(await echo('old', await mint(town, { hardware })), 'legacy hi');
    await assert.rejects(echo('old', await mint(town)), /no policy permits/);
    await assert.rejects(echo('old', shown), /no policy permits/);
  });

  test('S4 every way to be refused leaves its entry with the reason (trap: refusals missing from the audit)', async () => {
    await town.permit(
      '@id("few") permit (principal == Agent::"ci-bot", action in Action::"read", resource);',
    );
    await town.addAgent('gone-bot');
    const gone = await town.issue('gone-bot');
    const revoked = await town.issue('ci-bot');
    await town.deployment.authority.changeAgentState('gone-bot', 'suspended', 'test');
    await town.deployment.authority.revoke({ serial: revoked.serial, reason: 'test' }, 'test');
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const { ca } = shown;
    const url = town.endpoint('old');
    const send = (as: object, value: object = ping, headers = {}, at = url): Promise<unknown> =>
      post(at, { ca, ...as }, false, value, headers);
    const ways: Readonly<Record<string, () => Promise<unknown>>> = {
      'connection.refused tls': () => send({}),
      'connection.refused http': () =>
        send({ ...shown, servername: 'localhost' }, ping, { host: 'evil.example' }),
      'call.refused agent_inactive': () => send(gone),
      'call.refused certificate_revoked': () => send(revoked),
      'call.refused denied': () => send(shown, { ...ping, method: 'tools/call', params: { name: 'echo' } }),
      'call.refused message_invalid': () => send(shown, { jsonrpc: '1.0' }),
      'call.refused method_not_allowed': async () => {
        await using fetch = mutualFetch(shown);
        await (await fetch(url, { method: 'PUT' })).text();
      },
      'call.refused not_acceptable': () => send(shown, ping, { accept: 'text/html' }),
      'call.refused not_found': () => send(shown, ping, {}, `${town.gateway.agents.url}/admin`),
      'call.failed session_unknown': () => send(shown, ping, { 'mcp-session-id': 'x'.repeat(60) }),
      'call.failed server_unknown': () => send(shown, ping, {}, town.endpoint('nowhere')),
    };
    for (const [wanted, way] of Object.entries(ways)) {
      const count = (await town.events()).length;
      await way();
      let found: string[] = [];
      await until(
        () => found.length > 0,
        async () => {
          const events = (await town.events()).slice(count);
          found = events
            .filter(({ type }) => /^(call\.(refused|failed)|connection\.refused)$/.test(type))
            .map(({ type, code, stage }) => `${type} ${String(code ?? stage)}`);
        },
      );
      assert.deepEqual(found, [wanted]);
    }
  });

  test('A2 a list shows each agent its own, one after the other on one server (trap: list leaked to denied consumers)', async () => {
    await town.permit(`
      permit (principal, action in Action::"read", resource);
      permit (principal == Agent::"ci-bot", action == Action::"tools/call", resource);
      permit (principal == Agent::"other-bot", action == Action::"tools/call", resource)
        when { resource.name == "echo" };
    `);
    for (const [as, names] of [
      [shown, ['echo', 'secret']],
      [other, ['echo']],
      [shown, ['echo', 'secret']],
    ] as const) {
      await using fetch = mutualFetch(as);
      const client = await modernClient(town.endpoint('modern'), fetch);
      assert.deepEqual(
        (await client.listTools()).tools.map(({ name }) => name),
        names,
      );
      await client.close();
    }
  });

  test('T3 sessions that are opened and abandoned leave nothing in the gateway (trap: leak per abandoned session)', async () => {
    await town.permit('@id("all") permit (principal, action, resource);');
    const abandon = async (sessions: number): Promise<void> => {
      for (let at = 0; at < sessions; at += 20) {
        await Promise.all(Array.from({ length: 20 }, () => rawInitialize(town.endpoint('old'), shown)));
      }
    };
    await abandon(100);
    const before = heapUsed();
    await abandon(200);
    await until(() => town.gateway.liveCalls() === 0 && [...town.gateway.agents.connections()].length === 0);
    const each = (heapUsed() - before) / 200;
    // The server of this test keeps its sessions, in this same process; others lost 700 KiB for each.
    assert.ok(each < 60 * 1024, `${Math.round(each / 1024)} KiB for each session`);
  });

  test('I7 a right that was used a moment ago is not remembered after it is gone (trap: cached allow after revocation)', async () => {
    await town.permit('@id("now") permit (principal in Role::"writer", action, resource);');
    const session = await openRawSession(town.endpoint('old'), shown);
    for (let at = 0; at < 50; at++) assert.equal((await session.ping()).status, 200);
    await town.deployment.authority.changeAgentRoles('ci-bot', []);
    // The same connection, the same session, the same question.
    const refused = await session.ping();
    assert.ok(refused.status === null || /no policy permits/.test(refused.body), refused.body);
    await session.streamCut;
    session.close();
    await town.deployment.authority.changeAgentRoles('ci-bot', ['writer']);
    assert.equal((await rawInitialize(town.endpoint('old'), shown)).status, 200);
  });
});

function statusOf(
  url: string,
  shown: Presentable,
  headers: Record<string, string>,
): Promise<number | undefined> {
  const make = url.startsWith('https:') ? overTls : overTcp;
  return new Promise((resolve, reject) => {
    const sent = make(url, { agent: false, servername: 'localhost', ...shown, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('error', reject).end();
  });
}

/** The heap after a collection. */
function heapUsed(): number {
  setFlagsFromString('--expose_gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return process.memoryUsage().heapUsed;
}
