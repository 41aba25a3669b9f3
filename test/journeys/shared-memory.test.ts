import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { AuthorityApprovals } from '../../src/app/approvals/gateway-approvals.ts';
import type { RunningGateway } from '../../src/app/compose/compose-gateway.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { type RedisServer, skip, startRedis } from '../interop/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '../interop/tcp-proxy.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { start } from './program.ts';
import { openScriptedServer, type Params, tool } from './scripted-server.ts';
import { openSecondGateway, type SecondGateway } from './second-gateway.ts';
import { type SignedRequest, signingAgent } from './signing-agent.ts';

const starter = await readFile(join(import.meta.dirname, '../../examples/flow-rules/flows.cedar'), 'utf8');
const everything = 'permit (principal, action, resource);';
const flows = `
servers:
  files: { labels: [private] }
  mail: { tools: { send: [public-sink] } }
`;

function script(...names: readonly string[]) {
  return {
    'tools/list': { resultType: 'complete', tools: names.map(tool), ttlMs: 0, cacheScope: 'private' },
    'tools/call': (params: Params) =>
      params['name'] === 'slow' ? ('wait' as const) : { resultType: 'complete', content: [] },
  };
}

/** A town with a second gateway, both at one Redis, each by a way of its own. */
interface Pair {
  readonly town: Town;
  readonly second: SecondGateway;
  /** The ways of the town's gateway and of the second one to the Redis. */
  readonly ways: readonly [TcpProxy, TcpProxy];
}

async function pair(opened: AsyncDisposableStack, redis: RedisServer, more: JsonObject = {}): Promise<Pair> {
  const ways = [
    opened.use(await startTcpProxy(redis.port)),
    opened.use(await startTcpProxy(redis.port)),
  ] as const;
  const at = (way: TcpProxy): JsonObject => ({
    url: `redis://127.0.0.1:${way.port}`,
    // Long enough for a machine with much to do.
    waitMilliseconds: 10_000,
    ...more,
  });
  const town = opened.use(
    await openTown(
      { approvalWaitMilliseconds: 0 },
      { sharedMemory: at(ways[0]), secrets: { holdMilliseconds: 0 } },
    ),
  );
  const { callApprovals } = town.deployment.authority;
  const approvals: AuthorityApprovals = {
    ask: (asked) => callApprovals.ask(asked, 'second'),
    use: (approval) => callApprovals.use(approval, 'second'),
    withdraw: (approval) => callApprovals.withdraw(approval, 'second'),
  };
  const second = opened.use(
    await openSecondGateway(town, { approvalWaitMilliseconds: 0 }, 0, {
      approvals,
      sharedMemory: at(ways[1]),
    }),
  );
  const servers = { files: script('read', 'slow'), mail: script('send') };
  for (const [name, said] of Object.entries(servers)) {
    await town.addHttpServer(name, opened.use(await openScriptedServer(said)).url);
  }
  for (const name of ['alice', 'bob']) await town.addAgent(name);
  await town.permit(everything);
  await until(() => second.gateway.view.identity.agent('bob') !== null);
  await until(() => second.gateway.view.policies().version === town.gateway.view.policies().version);
  return { town, second, ways };
}

type Fetch = ReturnType<typeof mutualFetch>;

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function call(fetch: Fetch, url: string, name: string, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    signal: signal ?? null,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 7,
      method: 'tools/call',
      params: {
        name,
        arguments: {},
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  });
  return { status: response.status, text: await response.text() };
}

/** A signed call of a tool, to the name that both gateways have, as behind what balances load. */
function signedCall(town: Town, shown: Presentable, server = 'files', name = 'read'): SignedRequest {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: {} },
  });
  return signingAgent(shown).sign({ url: town.endpoint(server), method: 'POST', body });
}

/** Sends it to one of the gateways; gives the status and the code of a refusal. */
async function send(signed: SignedRequest, shown: Presentable, to: RunningGateway): Promise<string> {
  const { host, pathname } = new URL(signed.url);
  const { ca, cert, key } = shown;
  const outgoing = request({
    host: '127.0.0.1',
    port: to.agents.port,
    path: pathname,
    method: signed.method,
    headers: { ...signed.headers, host },
    ca,
    cert,
    key,
    agent: false,
  });
  outgoing.end(signed.body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response) text += String(part);
  const code = /"code":"(\w+)"/.exec(text)?.[1];
  return [response.statusCode, ...(code === undefined ? [] : [code])].join(' ');
}

async function ready(town: Town): Promise<{ status: number; text: string; metrics: string }> {
  const ops = town.deployment.listeners['ops']?.url ?? '';
  const answer = await fetch(`${ops}/readyz`);
  const metrics = await (await fetch(`${ops}/metrics`)).text();
  return { status: answer.status, text: await answer.text(), metrics };
}

const isUp = ({ town, second }: Pair, up: boolean): boolean =>
  town.gateway.sharedMemory()?.up === up && second.gateway.sharedMemory()?.up === up;

async function limit({ town, second }: Pair, yaml: string): Promise<void> {
  const before = second.gateway.view.limits();
  await town.limit(yaml);
  await until(() => second.gateway.view.limits() !== before);
}

suite('gateways that share a Redis', { skip }, () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis[Symbol.asyncDispose]());

  test('T7 two gateways hold an agent to one limit: what both let through together is the limit', async () => {
    await using opened = new AsyncDisposableStack();
    await redis.ask('FLUSHALL');
    const both = await pair(opened, redis);
    const { town, second } = both;
    await limit(
      both,
      'limits: [{ name: five, per: agent, budget: { day: { calls: 5 } } }, { name: two, per: agent, concurrent: 2 }]',
    );
    const alice = opened.use(mutualFetch(await town.issue('alice')));
    const urls = [town.endpoint('files'), second.endpoint('files')];
    const leave = new AbortController();
    const open = urls.map((url) => call(alice, url, 'slow', leave.signal).catch(() => null));
    await until(() => town.gateway.liveCalls() === 1 && second.gateway.liveCalls() === 1);
    for (const url of urls) {
      const refused = await call(alice, url, 'read');
      assert.equal(refused.status, 429);
      assert.match(refused.text, /"limit_reached"/);
    }
    leave.abort();
    await Promise.all(open);
    await until(() => town.gateway.liveCalls() === 0 && second.gateway.liveCalls() === 0);
    const statuses: number[] = [];
    for (let calls = 0; calls < 8; calls++) {
      statuses.push((await call(alice, urls[calls % 2] ?? '', 'read')).status);
    }
    assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
    const bob = opened.use(mutualFetch(await town.issue('bob')));
    assert.equal((await call(bob, urls[1] ?? '', 'read')).status, 200);
    assert.match((await ready(town)).metrics, /^countersign_shared_memory_up 1$/m);
  });

  test('O9 a signed call that was made at one gateway is refused at the other', async () => {
    await using opened = new AsyncDisposableStack();
    await redis.ask('FLUSHALL');
    await redis.settle();
    const { town, second } = await pair(opened, redis);
    await writeFile(join(town.data.policies, 'signed-calls.yaml'), 'required: [files]\n');
    await until(() => second.gateway.view.signingServers().has('files'));
    const shown = await town.issue('alice');
    const one = signedCall(town, shown);
    assert.equal(await send(one, shown, town.gateway), '200');
    assert.equal(await send(one, shown, second.gateway), '403 call_replayed');
    const other = signedCall(town, shown);
    assert.equal(await send(other, shown, second.gateway), '200');
    assert.equal(await send(other, shown, town.gateway), '403 call_replayed');
  });

  test('A6 what an agent has read at one gateway counts at the other, and is forgotten at both', async () => {
    await using opened = new AsyncDisposableStack();
    await redis.ask('FLUSHALL');
    await redis.settle();
    const { town, second } = await pair(opened, redis);
    await writeFile(join(town.data.policies, 'flows.yaml'), flows);
    await writeFile(join(town.data.policies, 'flows.cedar'), starter);
    await until(() => second.gateway.view.flowRules() !== null);
    await until(() => second.gateway.view.policies().policies.length > 1);
    const alice = opened.use(mutualFetch(await town.issue('alice')));
    assert.equal((await call(alice, second.endpoint('mail'), 'send')).status, 200);
    assert.equal((await call(alice, town.endpoint('files'), 'read')).status, 200);
    const refused = await call(alice, second.endpoint('mail'), 'send');
    assert.match(
      refused.text,
      /Touched before: \\"private\\", by tools\/call of read on server files.*call_unapproved/,
    );
    const order = { family: 'alice', person: null, until: Date.now() };
    await town.deployment.authority.store.flowOrders.put(order);
    let sent = refused;
    await until(
      () => sent.status === 200,
      async () => void (sent = await call(alice, second.endpoint('mail'), 'send')),
    );
    assert.equal((await call(alice, town.endpoint('mail'), 'send')).status, 200);
  });

  test('T7 O9 while the Redis is away each gateway holds to the limits by itself, what may be used once is refused, and it is said; it mends by itself', async () => {
    await using opened = new AsyncDisposableStack();
    await redis.ask('FLUSHALL');
    await redis.settle();
    const both = await pair(opened, redis, { waitMilliseconds: 3_000 });
    const { town, second, ways } = both;
    await limit(both, 'limits: [{ name: two, per: agent, budget: { day: { calls: 2 } } }]');
    await writeFile(join(town.data.policies, 'signed-calls.yaml'), 'required: [mail]\n');
    await until(() => second.gateway.view.signingServers().has('mail'));
    const shown = await town.issue('alice');
    const alice = opened.use(mutualFetch(shown));
    const urls = [town.endpoint('files'), second.endpoint('files')] as const;
    // The octets are lost on the way, as behind a firewall that has forgotten the connection.
    for (const way of ways) way.way = 'lost';
    await until(() => isUp(both, false), undefined, 60_000);
    const statuses: number[] = [];
    for (let calls = 0; calls < 6; calls++)
      statuses.push((await call(alice, urls[calls % 2] ?? '', 'read')).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429], 'two at each');
    const bob = await town.issue('bob');
    const signed = signedCall(town, bob, 'mail', 'send');
    assert.equal(await send(signed, bob, town.gateway), '503 unavailable');
    const said = await ready(town);
    assert.equal(said.status, 200);
    assert.match(said.text, /"shared-memory":\{"ok":false,"detail":"/);
    assert.match(said.metrics, /^countersign_shared_memory_up 0$/m);
    assert.match(said.metrics, /^countersign_shared_memory_local_limits_total [1-9]/m);
    for (const way of ways) way.way = 'open';
    await until(() => isUp(both, true), undefined, 60_000);
    assert.equal(await send(signedCall(town, bob, 'mail', 'send'), bob, second.gateway), '200');
    const events = (await town.events()).map(({ type }) => type);
    assert.ok(events.includes('shared-memory.away') && events.includes('shared-memory.back'));
  });

  test('T7 S1 where it is so configured nothing is let in without the Redis, whose password stands in a file, and the gateway is not ready', async () => {
    await using opened = new AsyncDisposableStack();
    const password = 'canary-4711-of-redis';
    await using own = await startRedis();
    await own.ask('CONFIG', 'SET', 'requirepass', password);
    const folder = await mkdtemp(join(tmpdir(), 'countersign-redis-password-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'password');
    await writeFile(file, password, { mode: 0o600 });
    const both = await pair(opened, own, { limitsWhenAway: 'refuse', password: `file:${file}` });
    const { town, ways } = both;
    const alice = opened.use(mutualFetch(await town.issue('alice')));
    assert.equal((await call(alice, town.endpoint('files'), 'read')).status, 200);
    // Read again for every connection: a wrong one is no way in, and the right one is.
    await writeFile(file, 'wrong-canary-4711');
    for (const way of ways) way.way = 'cut';
    await until(() => isUp(both, false), undefined, 60_000);
    for (const way of ways) way.way = 'open';
    await until(() => /WRONGPASS/.test(town.gateway.sharedMemory()?.detail ?? ''), undefined, 60_000);
    assert.equal((await call(alice, town.endpoint('files'), 'read')).status, 503);
    const said = await ready(town);
    assert.equal(said.status, 503);
    await writeFile(file, password);
    await until(() => isUp(both, true), undefined, 60_000);
    assert.equal((await call(alice, town.endpoint('files'), 'read')).status, 200);
    assert.doesNotMatch(said.text + JSON.stringify(await town.events()), /canary-4711/);
  });

  test('T7 a Redis that answers something else counts as away, until it answers properly', async () => {
    await using opened = new AsyncDisposableStack();
    await redis.ask('FLUSHALL');
    await redis.settle();
    const both = await pair(opened, redis);
    const { town, ways } = both;
    await writeFile(join(town.data.policies, 'signed-calls.yaml'), 'required: [mail]\n');
    await until(() => town.gateway.view.signingServers().has('mail'));
    const shown = await town.issue('alice');
    const alice = opened.use(mutualFetch(shown));
    const lies = {
      taken: '$5\r\ntaken\r\n',
      other: '*1\r\n$5\r\nother\r\n',
      number: ':1\r\n',
      none: '*-1\r\n',
      error: '-ERR no\r\n',
    };
    for (const [name, lie] of Object.entries(lies)) {
      // Whatever says that the signature is new says something else.
      ways[0].meddle = (octets) => (octets.includes('taken') ? Buffer.from(lie) : octets);
      assert.equal(
        await send(signedCall(town, shown, 'mail', 'send'), shown, town.gateway),
        '503 unavailable',
        name,
      );
      ways[0].meddle = null;
      await until(() => isUp(both, true), undefined, 60_000);
    }
    ways[0].meddle = (octets) => (octets.includes('held') ? Buffer.from('+held\r\n') : octets);
    assert.equal(
      (await call(alice, town.endpoint('files'), 'read')).status,
      200,
      'by the limits of this gateway',
    );
    ways[0].meddle = null;
    await until(() => isUp(both, true), undefined, 60_000);
    assert.ok((town.gateway.sharedMemory()?.timesAway ?? 0) >= 6);
    assert.equal(await send(signedCall(town, shown, 'mail', 'send'), shown, town.gateway), '200');
  });

  test('O9 T7 a Redis that is killed again and again under load, and comes back empty, lets no signed call in twice', async () => {
    await using opened = new AsyncDisposableStack();
    await using own = await startRedis();
    await own.settle();
    const both = await pair(opened, own);
    const { town, second } = both;
    await writeFile(join(town.data.policies, 'signed-calls.yaml'), 'required: [files]\n');
    await until(() => second.gateway.view.signingServers().has('files'));
    const shown = await town.issue('alice');
    const taken = async (signed: SignedRequest): Promise<readonly string[]> =>
      await Promise.all([town.gateway, second.gateway].map((gateway) => send(signed, shown, gateway)));
    const accepted: SignedRequest[] = [];
    const answers = new Map<string, number>();
    const killing = new AbortController();
    const load = async (): Promise<void> => {
      while (!killing.signal.aborted) {
        const signed = signedCall(town, shown);
        const said = await taken(signed);
        const good = said.filter((one) => one === '200');
        assert.ok(good.length <= 1, `let in twice: ${said.join(', ')}`);
        if (good.length === 1) accepted.push(signed);
        for (const one of said) answers.set(one, (answers.get(one) ?? 0) + 1);
      }
    };
    const loads = [load(), load(), load(), load()];
    await until(() => accepted.length >= 10, undefined, 60_000);
    for (let kills = 0; kills < 3; kills++) {
      await own.kill();
      await until(() => isUp(both, false), undefined, 60_000);
      await own.start();
      await until(() => isUp(both, true), undefined, 60_000);
    }
    killing.abort();
    await Promise.all(loads);
    assert.deepEqual([...answers.keys()].sort(), ['200', '403 call_replayed', '503 unavailable']);
    // Whatever was let in before is refused at both, and so is what is made so soon that its likes may have been used.
    for (const signed of accepted.slice(0, 10)) {
      assert.deepEqual(
        (await taken(signed)).filter((one) => one === '200'),
        [],
      );
    }
    assert.equal(await send(signedCall(town, shown), shown, second.gateway), '503 unavailable');
    // As after half a minute.
    await own.settle();
    assert.equal(await send(signedCall(town, shown), shown, second.gateway), '200');
  });

  test('A6 a Redis that comes back empty is told again what agents have read, and nothing goes out before', async () => {
    await using opened = new AsyncDisposableStack();
    await using own = await startRedis();
    await own.settle();
    const both = await pair(opened, own);
    const { town, second } = both;
    await writeFile(join(town.data.policies, 'flows.yaml'), flows);
    await writeFile(join(town.data.policies, 'flows.cedar'), starter);
    await until(() => second.gateway.view.flowRules() !== null);
    await until(() => second.gateway.view.policies().policies.length > 1);
    const alice = opened.use(mutualFetch(await town.issue('alice')));
    assert.equal((await call(alice, town.endpoint('files'), 'read')).status, 200);
    await own.kill();
    await until(() => isUp(both, false), undefined, 60_000);
    const away = await call(alice, second.endpoint('mail'), 'send');
    assert.match(away.text, /"code":"unavailable"/);
    await own.start();
    const codes = new Set<string>();
    let last = away;
    await until(
      () => /call_unapproved/.test(last.text),
      async () => {
        last = await call(alice, second.endpoint('mail'), 'send');
        codes.add(/"code":"(\w+)"/.exec(last.text)?.[1] ?? String(last.status));
      },
      60_000,
    );
    assert.deepEqual([...codes].sort(), ['call_unapproved', 'unavailable']);
    assert.match(last.text, /Touched before: \\"private\\"/);
  });

  test('T7 the places of a gateway program that is killed come back to the others by themselves', async () => {
    await using opened = new AsyncDisposableStack();
    await redis.ask('FLUSHALL');
    const sharedMemory = { url: redis.url, waitMilliseconds: 10_000 };
    const town = opened.use(await openTown({}, { sharedMemory }));
    const server = opened.use(await openScriptedServer(script('read', 'slow')));
    await town.addHttpServer('files', server.url);
    await town.addAgent('alice');
    await town.permit(everything);
    await town.limit('limits: [{ name: one, per: agent, concurrent: 1 }]');
    const state = await mkdtemp(join(tmpdir(), 'countersign-gateway-'));
    opened.defer(() => rm(state, { recursive: true, force: true }));
    const { token, rootFingerprint } = await town.deployment.authority.createJoinToken(
      {
        name: 'edge',
        kind: 'gateway',
        dnsNames: ['localhost'],
        minutes: 5,
        ipAddresses: ['127.0.0.1', '::1'],
      },
      'test',
    );
    const arrival = ['--ca-fingerprint', rootFingerprint, '--join-token', token, '--ports', 'any'];
    const edge = opened.use(
      await start(
        ['gateway', '--authority', town.authorityUrl, '--name', 'edge', '--state', state, ...arrival],
        {
          COUNTERSIGN_SHARED_MEMORY_URL: redis.url,
          COUNTERSIGN_SHARED_MEMORY_WAIT_MILLISECONDS: '10000',
        },
      ),
    );
    const alice = opened.use(mutualFetch(await town.issue('alice')));
    const there = `${edge.first.listening['agents']}/mcp/files`;
    const lost = call(alice, there, 'slow').then(
      () => 'answered',
      () => 'lost',
    );
    const slow = (): number => server.asked.filter(({ params }) => params['name'] === 'slow').length;
    await until(() => slow() === 1);
    const here = town.endpoint('files');
    assert.equal((await call(alice, here, 'read')).status, 429);
    edge.child.kill('SIGKILL');
    assert.equal(await lost, 'lost');
    let answer = await call(alice, here, 'read');
    assert.equal(answer.status, 429, 'its lease is not over');
    await until(
      () => answer.status === 200,
      async () => void (answer = await call(alice, here, 'read')),
      60_000,
    );
  });

  test('A4 calls that are held at two gateways are made as soon as they are approved at the authority, without any Redis', async () => {
    await using town = await openTown();
    const { callApprovals } = town.deployment.authority;
    await using second = await openSecondGateway(town, {}, 0, {
      approvals: {
        ask: (asked) => callApprovals.ask(asked, 'second'),
        use: (approval) => callApprovals.use(approval, 'second'),
        withdraw: (approval) => callApprovals.withdraw(approval, 'second'),
      },
    });
    await using server = await openScriptedServer(script('read'));
    await town.addHttpServer('files', server.url);
    for (const name of ['alice', 'bob']) await town.addAgent(name);
    await town.permit(
      `${everything} @ask("why") forbid (principal, action == Action::"tools/call", resource);`,
    );
    await until(() => second.gateway.view.policies().version === town.gateway.view.policies().version);
    await until(() => second.gateway.view.identity.agent('bob') !== null);
    await using alice = mutualFetch(await town.issue('alice'));
    await using bob = mutualFetch(await town.issue('bob'));
    const held = [call(alice, town.endpoint('files'), 'read'), call(bob, second.endpoint('files'), 'read')];
    const { callApprovals: records } = town.deployment.authority.store;
    let waiting = await records.list(false);
    await until(
      () => waiting.length === 2,
      async () => void (waiting = await records.list(false)),
    );
    const operator = { name: 'operator', way: 'remote' } as const;
    for (const { id } of waiting)
      await callApprovals.decide(id, { state: 'granted', reason: null }, operator);
    // They are held for 45 s unless they are woken, and then refused.
    assert.deepEqual(
      (await Promise.all(held)).map(({ status }) => status),
      [200, 200],
    );
  });
});
