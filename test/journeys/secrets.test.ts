import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { skip, startOpenBao, type OpenBao } from '../interop/open-bao.ts';
import { openTown, type Town, until } from './deployment.ts';
import { modernClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openKeyServer } from './key-server.ts';

/** The policy that the gateway's login has. */
const policy = 'path "kv/data/github" { capabilities = ["read"] }';

/** A town whose gateway logs in to a real OpenBao with its own certificate. */
async function openBothOf(opened: AsyncDisposableStack): Promise<{ bao: OpenBao; town: Town }> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-secrets-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const bao = opened.use(await startOpenBao(folder, { transit: false }));
  const vault = { address: bao.address, ca: bao.authorities, addresses: 'any', role: 'gateway' };
  const town = opened.use(await openTown({}, { secrets: { vault } }));
  await bao.ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  await bao.ask('PUT', 'sys/policies/acl/mcp', { policy });
  await bao.ask('POST', 'sys/auth/cert', { type: 'cert' });
  await bao.ask('POST', 'auth/cert/certs/gateway', {
    certificate: await readFile(town.data.rootCertificate, 'utf8'),
    allowed_uri_sans: 'spiffe://example.internal/gateway/gateway',
    token_policies: ['mcp'],
    token_ttl: '1h',
  });
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  return { bao, town };
}

const keyOf = (turn: number): string => `canary-key-of-github-${turn}`;

/** Eight that call again and again. */
function keepCalling(call: () => Promise<string>): AsyncDisposable & {
  /** Waits for so many calls more. */
  more(count: number): Promise<void>;
  /** What went wrong. */
  end(): Promise<readonly string[]>;
} {
  const state = { over: false, calls: 0 };
  const failed: string[] = [];
  const worker = async (): Promise<void> => {
    for (; !state.over && failed.length === 0; state.calls += 1) {
      const said = await call().catch((error: unknown) => String(error));
      if (!/^done with key \d$/.test(said)) failed.push(said);
    }
  };
  const all = Promise.all(Array.from({ length: 8 }, worker));
  const end = async (): Promise<readonly string[]> => {
    state.over = true;
    await all;
    return failed;
  };
  return {
    async more(count) {
      const before = state.calls;
      await until(() => state.calls >= before + count || failed.length > 0);
    },
    end,
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

test('S1 a server gets its key out of OpenBao, by the gateway’s own certificate, and a key that is rotated while calls run fails none', {
  skip,
  timeout: 60_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const { bao, town } = await openBothOf(opened);
  const put = async (turn: number): Promise<void> => {
    await bao.ask('POST', 'kv/data/github', { data: { token: keyOf(turn) } });
  };
  await put(0);
  const server = opened.use(await openKeyServer(keyOf(0)));
  await town.addServer({
    name: 'github',
    transport: 'http',
    era: 'modern',
    url: server.url,
    headers: { authorization: 'Bearer ${vault:kv/data/github#token}' },
  });
  const fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
  const client = await modernClient(town.endpoint('github'), fetch);
  opened.defer(() => client.close());

  const work = opened.use(
    keepCalling(async () => textOf(await client.callTool({ name: 'work', arguments: {} }))),
  );
  for (let turn = 1; turn <= 3; turn++) {
    await work.more(50);
    // The order that a rotation has everywhere: the vault first, then the old key ends at once.
    await put(turn);
    server.accept(keyOf(turn));
  }
  await work.more(50);
  assert.deepEqual(await work.end(), []);
  assert.deepEqual(new Set(server.used()), new Set([0, 1, 2, 3].map((turn) => `Bearer ${keyOf(turn)}`)));

  const events = await town.events();
  const obtained = events.filter(({ type }) => type === 'secret.obtained');
  assert.equal(obtained.length, 4);
  assert.deepEqual(obtained[0]?.['source'], 'vault:kv/data/github');
  assert.ok(!JSON.stringify(events).includes('canary-key'));
});
