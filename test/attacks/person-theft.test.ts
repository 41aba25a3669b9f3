import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mintingIssuer } from '../../src/gateway/token.fixture.ts';
import { openTown, type Presentable, type Town, until } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { openScriptedServer, type Params, type ScriptedServer, tool } from '../journeys/scripted-server.ts';

const sso = mintingIssuer();
const task = { taskId: 'raw-task', status: 'working', ttl: 1_000, createdAt: '', lastUpdatedAt: '' };
const script = {
  'tools/list': ({ cursor }: Params) => ({
    resultType: 'complete',
    tools: [tool('act')],
    ...(cursor === undefined ? { nextCursor: 'raw-cursor' } : {}),
  }),
  'tools/call': ({ name }: Params) =>
    name === 'read' ? { resultType: 'complete', content: [] } : { resultType: 'task', task, ...task },
  'tasks/get': { resultType: 'complete', ...task },
};

/** Answers every request with its own process id. */
const child = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {}, serverInfo: { name: 'p', version: '1' }, content: [{ type: 'text', text: String(process.pid) }] };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;

interface Answer {
  readonly code: string | null;
  readonly result: Params;
}

/** One agent, and people for whom it has tokens: what is one person's is not the other's, although the certificate is the same. */
describe('law 5 two people of one agent', () => {
  let town: Town;
  let files: ScriptedServer;
  let shown: Presentable;

  const ask = async (
    person: string | null,
    server: string,
    method: string,
    params: Params,
    as = shown,
  ): Promise<Answer> => {
    await using fetch = mutualFetch(as);
    const named = params['name'] ?? params['taskId'];
    const response = await fetch(town.endpoint(server), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        ...(typeof named === 'string' && { 'mcp-name': named }),
        ...(person !== null && { authorization: `Bearer ${await tokenOf(person, server, as)}` }),
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method,
        params: {
          ...params,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    const { result, error } = (await response.json()) as {
      result?: Params;
      error?: { data?: { code?: string } };
    };
    return { code: error ? (error.data?.code ?? 'unknown') : null, result: result ?? {} };
  };
  const tokenOf = (sub: string, server: string, { cert }: Presentable): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000);
    const thumbprint = createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url');
    const bound = { cnf: { 'x5t#S256': thumbprint }, aud: town.endpoint(server) };
    return sso.token({ sub, iat: now, exp: now + 300, ...bound });
  };

  before(async () => {
    files = await openScriptedServer(script);
    town = await openTown({ approvalWaitMilliseconds: 0 });
    await town.addHttpServer('files', files.url);
    await town.addHttpServer('mail', files.url);
    await town.addStdioServer('pids', [process.execPath, '-e', child]);
    await town.addAgent('desk');
    await town.permit('permit (principal, action, resource);');
    const servers = ['files', 'mail', 'pids'].map((name) => `  ${name}: { scopes: [files:read] }`).join('\n');
    const set = JSON.stringify({ keys: [sso.jwk] });
    await writeFile(
      join(town.data.policies, 'tokens.yaml'),
      `issuers:\n  - { name: sso, issuer: "${sso.issuer.issuer}", keys: { set: ${set} } }\nservers:\n${servers}\n`,
    );
    await until(() => town.gateway.view.tokenRules().servers.size === 3);
    shown = await town.issue('desk');
  });
  after(async () => {
    await town[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
  });

  test('O1 a task belongs to the person for whom it was begun, also with the next certificate of the agent', async () => {
    const made = await ask('alice', 'files', 'tools/call', { name: 'start', arguments: {} });
    const taskId = String(made.result['taskId']);
    assert.notEqual(taskId, 'raw-task');
    assert.equal((await ask('bob', 'files', 'tasks/get', { taskId })).code, 'handle_unknown');
    assert.equal((await ask('alice', 'files', 'tasks/get', { taskId })).code, null);
    const renewed = await town.issue('desk');
    assert.equal((await ask('alice', 'files', 'tasks/get', { taskId }, renewed)).code, null);
    assert.equal((await ask('bob', 'files', 'tasks/get', { taskId }, renewed)).code, 'handle_unknown');
  });

  test('O1 a cursor belongs to the person to whom the list was shown', async () => {
    const cursor = String((await ask('alice', 'files', 'tools/list', {})).result['nextCursor']);
    assert.notEqual(cursor, 'raw-cursor');
    assert.equal((await ask('bob', 'files', 'tools/list', { cursor })).code, 'handle_unknown');
    assert.equal((await ask('alice', 'files', 'tools/list', { cursor })).code, null);
  });

  test('O1 S3 each person has a child of a stdio server of their own, whatever certificate the agent has', async () => {
    const pidOf = async (person: string, as = shown): Promise<string> => {
      const { code, result } = await ask(person, 'pids', 'tools/call', { name: 'pid', arguments: {} }, as);
      assert.equal(code, null);
      return JSON.stringify(result['content']);
    };
    const alice = await pidOf('alice');
    assert.equal(await pidOf('alice'), alice);
    assert.equal(await pidOf('alice', await town.issue('desk')), alice);
    const bob = await pidOf('bob');
    assert.notEqual(bob, alice);
    assert.equal(await pidOf('bob'), bob);
  });

  test('A6 what was used for one person does not keep the agent from a public sink for the other, unless the rules say so', async () => {
    const starter = join(import.meta.dirname, '../../examples/flow-rules/flows.cedar');
    const flows = 'servers: { files: { labels: [private] }, mail: { labels: [public-sink] } }';
    const put = async (yaml: string): Promise<void> => {
      const before = town.gateway.view.flowRules();
      await writeFile(join(town.data.policies, 'flows.yaml'), yaml);
      await until(() => town.gateway.view.flowRules() !== before);
    };
    await put(flows);
    await writeFile(join(town.data.policies, 'flows.cedar'), await readFile(starter));
    await until(() => town.gateway.view.policies().policies.length > 1);
    const send = async (person: string): Promise<string | null> =>
      (await ask(person, 'mail', 'tools/call', { name: 'read', arguments: {} })).code;
    assert.equal((await ask('alice', 'files', 'tools/call', { name: 'read', arguments: {} })).code, null);
    assert.equal(await send('bob'), null);
    assert.equal(await send('alice'), 'call_unapproved');
    await put(`${flows}\nremember: { apart: agent }`);
    assert.equal(await send('bob'), 'call_unapproved');
    assert.equal(await send('carol'), 'call_unapproved');
  });
});
