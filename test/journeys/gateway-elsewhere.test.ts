import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { findOperation } from '../../src/app/admin/operations.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { legacyClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { run, start } from './program.ts';
import { wantTokens } from './say-yes.ts';
import { call } from './token-town.ts';

test('I3 I7 U9 a gateway in a process of its own enrols with a join token and hears of a revocation', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  const { authority } = town.deployment;
  const state = await mkdtemp(join(tmpdir(), 'countersign-gateway-'));
  const order = { name: 'edge', kind: 'gateway', dnsNames: ['localhost'], minutes: 5 } as const;
  const { token, rootFingerprint } = await authority.createJoinToken(
    { ...order, ipAddresses: ['127.0.0.1', '::1'] },
    'test',
  );
  const words = ['gateway', '--authority', town.authorityUrl, '--name', 'edge', '--state', state];
  const arrive = ['--ports', 'any', '--ca-fingerprint', rootFingerprint];
  const without = await run([...words, ...arrive]);
  assert.equal(without.code, 3, without.stderr);
  assert.match(without.stderr, /join-token create edge --kind gateway/);
  {
    await using first = await start([...words, ...arrive, '--join-token', token]);
    assert.ok(first.first.listening['agents']);
  }
  // The second start needs no token.
  await using gateway = await start([...words, '--ports', 'any']);
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const shown = await town.issue('ci-bot');
  await using fetch = mutualFetch(shown);
  const url = `${gateway.first.listening['agents']}/mcp/old`;
  const client = await legacyClient(url, fetch);
  const call = (): Promise<unknown> => client.callTool({ name: 'echo', arguments: { message: 'hi' } });
  assert.equal(textOf(await call()), 'legacy hi');
  // A4: it has a call approved by the authority, and hears of that on its feed while it holds the call.
  await town.permit(
    'permit (principal, action, resource); @ask("why") forbid (principal, action == Action::"tools/call", resource);',
  );
  const held = untilAsked(town, call);
  const [waiting] = await held.asked;
  const operator = { name: 'operator', way: 'remote' } as const;
  await authority.callApprovals.decide(waiting?.id ?? '', { state: 'granted', reason: null }, operator);
  assert.equal(textOf(await held.answer), 'legacy hi');
  assert.deepEqual([waiting?.gateway, waiting?.agent], ['edge', 'ci-bot']);
  await town.permit('permit (principal, action, resource);// again');
  await authority.revoke({ serial: shown.serial, reason: 'test' }, 'test');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await assert.rejects(call());
  await client.close();
  await gateway[Symbol.asyncDispose]();
  // What it had not told yet of whom it admitted, it tells at its end.
  const seen = (await authority.store.agents.find('ci-bot'))?.lastSeen ?? 0;
  assert.ok(seen > Date.now() - 60_000 && seen <= Date.now(), `I12 last seen at ${seen}`);
  const verified = await verifyAuditLog(join(state, 'gateway-log'));
  assert.equal(verified.ok, true);
  await rm(state, { recursive: true, force: true });
});

test('O1 O8 tokens.yaml reaches a gateway in a process of its own: there a token counts for its certificate, until it is ended', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  const { authority } = town.deployment;
  const state = await mkdtemp(join(tmpdir(), 'countersign-gateway-'));
  const place = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'], minutes: 5 };
  const order = { name: 'edge', kind: 'gateway', ...place } as const;
  const { token, rootFingerprint } = await authority.createJoinToken(order, 'test');
  const words = ['gateway', '--authority', town.authorityUrl, '--name', 'edge', '--state', state];
  const arrive = ['--ports', 'any', '--ca-fingerprint', rootFingerprint, '--join-token', token];
  // One address for agents, whichever gateway is behind it: the resource that tokens are for.
  const resource = town.endpoint('old');
  await using gateway = await start([
    ...words,
    ...arrive,
    '--set',
    `gateway.publicUrl=${new URL(resource).origin}`,
  ]);
  await town.addHttpServer('old', old.url);
  for (const name of ['reader', 'thief']) await town.addAgent(name);
  await town.permit('permit (principal, action, resource);');
  const [reader, thief] = [await town.issue('reader'), await town.issue('thief')];
  await wantTokens(town, 'old');
  const edge = `${gateway.first.listening['agents']}/mcp/old`;
  const post = async (as: Presentable, bearer?: string): Promise<number> => {
    await using fetch = mutualFetch(as);
    const answer = await fetch(edge, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      }),
    });
    await answer.text();
    return answer.status;
  };
  // It hears of the file when it arrives.
  let status = 200;
  await until(
    () => status === 401,
    async () => {
      status = await post(reader);
    },
  );
  const { json } = await call(
    `${town.authorityUrl}/token`,
    { grant_type: 'client_credentials', client_id: 'spiffe://example.internal/agent/reader', resource },
    { as: reader, ca: reader.ca },
  );
  const bearer = String(json['access_token']);
  assert.equal(await post(reader, bearer), 200);
  assert.equal(await post(thief, bearer), 401, 'the certificate of another agent');
  assert.equal(await post(reader, `${bearer.slice(0, -2)}AA`), 401, 'another signature');
  await findOperation('token.revoke').run(
    authority,
    { agent: 'reader', reason: 'test' },
    { name: 'root', way: 'local' },
  );
  status = 200;
  await until(
    () => status === 401,
    async () => {
      status = await post(reader, bearer);
    },
  );
  await gateway[Symbol.asyncDispose]();
  await rm(state, { recursive: true, force: true });
});

/** Makes a call until it is asked about: the gateway hears of policies when they arrive. */
function untilAsked(town: Town, call: () => Promise<unknown>) {
  const { store } = town.deployment.authority;
  let answer = call();
  const asked = (async () => {
    let listed = await store.callApprovals.list(false);
    await until(
      () => listed.length > 0,
      async () => {
        // An answer that came without being asked about was of the policies before.
        const early = await Promise.race([answer.then(() => true), pause().then(() => false)]);
        if (early) answer = call();
        listed = await store.callApprovals.list(false);
      },
    );
    return listed;
  })();
  return {
    asked,
    get answer() {
      return answer;
    },
  };
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
