import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type JWK, SignJWT } from 'jose';
import { aRule } from '../../src/gateway/caller.fixture.ts';
import { memoryLimitStore } from '../../src/gateway/memory-limits.ts';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { sha256Base64url } from '../../src/kernel/bytes.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { checkProof } from '../../src/oauth/resource/check-proof.ts';
import { memoryReplays } from '../../src/oauth/resource/memory-replays.ts';
import { createProofNonces } from '../../src/oauth/resource/proof-nonces.ts';
import { memoryNonces } from '../../src/oauth/signed-call/memory-nonces.ts';
import type { RedisCredentials } from '../../src/redis/redis-connection.ts';
import { redisLimits } from '../../src/redis/redis-limits.ts';
import { RedisLink } from '../../src/redis/redis-link.ts';
import { redisNonces } from '../../src/redis/redis-nonces.ts';
import { redisPlace } from '../../src/redis/redis-place.ts';
import { redisReplays } from '../../src/redis/redis-replays.ts';
import { sharedScripts } from '../../src/redis/shared-scripts.ts';
import { freePort } from '../interop/free-port.ts';
import { skip, startRedis } from '../interop/redis-server.ts';
import { startTcpProxy } from '../interop/tcp-proxy.ts';
import { until } from '../journeys/deployment.ts';
import { isFault } from './is-fault.ts';

const nobody: RedisCredentials = { username: null, password: null, authorities: null, certificate: null };
const forLong = 60_000;

async function open(
  url: string,
  {
    who = nobody,
    clock = systemClock,
    wait = 10_000,
  }: { who?: RedisCredentials; clock?: Clock; wait?: number } = {},
) {
  const away: (string | null)[] = [];
  const link = await RedisLink.open({
    place: redisPlace(url),
    credentials: () => Promise.resolve(who),
    clock,
    waitMilliseconds: wait,
    domain: 'example.internal',
    scripts: sharedScripts,
    onChange: (why) => void away.push(why),
  });
  return Object.assign(link, { away });
}

/** Two gateways that take nonces, each with a memory of its own besides. */
function takers(...links: readonly RedisLink[]) {
  return links.map((link) => redisNonces(link, 'call', systemClock, memoryNonces(systemClock)));
}

/** Made now, good for a minute, by whoever may be half a minute ahead. */
const fresh = () => ({ from: Date.now() - 30_000, until: Date.now() + 60_000 });

suite('the way to a real Redis', { skip }, () => {
  test('O9 O4 what was used at one gateway is used at the other: nonces, acts and DPoP proofs, each by themselves', async () => {
    await using redis = await startRedis();
    await redis.settle();
    await using a = await open(redis.url);
    await using b = await open(redis.url);
    const [here, there] = takers(a, b);
    assert.equal(await here?.take('key', 'n', fresh()), true);
    assert.equal(await there?.take('key', 'n', fresh()), false);
    const acts = redisNonces(b, 'act', systemClock, memoryNonces(systemClock));
    assert.equal(await acts.take('key', 'n', fresh()), true);
    const proof = { agent: 'x', proof: 'p', from: Date.now() - 30_000, milliseconds: 90_000 };
    assert.equal(await redisReplays(a, systemClock, memoryReplays(systemClock)).take(proof), true);
    assert.equal(await redisReplays(b, systemClock, memoryReplays(systemClock)).take(proof), false);
    const keys = await redis.ask('KEYS', '*');
    assert.doesNotMatch(keys, /key|:p\b/, 'names are hashed');
    // Remembered for a little longer than it is good, and then not.
    const [, found = ''] = /(countersign:\{example\.internal\}:once:\S+)/.exec(keys) ?? [];
    const life = Number((await redis.ask('PTTL', found)).slice(1));
    assert.ok(life > 60_000 && life <= 101_000, `${life} ms`);
  });

  test('O4 RFC 9449 §11.1 a DPoP proof with a nonce of either gateway is good at any of them, and once', async () => {
    await using redis = await startRedis();
    await redis.settle();
    await using a = await open(redis.url);
    await using b = await open(redis.url);
    const keys = [new Uint8Array(32).fill(7)];
    const gateways = [a, b].map((link, at) => ({
      clock: systemClock,
      nonces: createProofNonces(new Uint8Array(32).fill(at), systemClock, () => keys),
      replays: redisReplays(link, systemClock, memoryReplays(systemClock)),
    }));
    const [here, there] = gateways;
    assert.ok(here && there);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const url = 'https://gateway.example.internal/mcp/files';
    const proof = await new SignJWT({
      jti: 'one',
      htm: 'POST',
      htu: url,
      ath: sha256Base64url('token'),
      nonce: here.nonces.current(),
    })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) as JWK })
      .setIssuedAt()
      .sign(privateKey);
    const asked = { method: 'POST', url, token: 'token', agent: 'spiffe://example.internal/agent/x' };
    assert.match(await checkProof(proof, asked, there), /^[\w-]{43}$/);
    for (const gateway of gateways) {
      await assert.rejects(async () => await checkProof(proof, asked, gateway), /used before/);
    }
  });

  test('O9 a Redis that comes back with an old copy of its data lets in nothing that may have been used in between', async () => {
    await using redis = await startRedis();
    await redis.settle();
    await using a = await open(redis.url);
    await using b = await open(redis.url);
    const [here, there] = takers(a, b);
    assert.equal(await here?.take('key', 'before', fresh()), true);
    // The copy has the mark that says since when is remembered, and not what is used after it.
    await redis.ask('SAVE');
    assert.equal(await here?.take('key', 'lost', fresh()), true);
    await redis.kill();
    await until(() => !a.up && !b.up, undefined, forLong);
    await redis.start();
    await until(() => a.up && b.up, undefined, forLong);
    assert.equal(await there?.take('key', 'before', fresh()), false);
    await assert.rejects(
      async () => await there?.take('key', 'lost', fresh()),
      (error) => {
        assert.ok(isFault('unavailable')(error));
        const { retryAfterMilliseconds: wait } = error as { retryAfterMilliseconds: number };
        // 30 s that the clock of an agent may be ahead, and 5 s that ours may differ.
        assert.ok(wait > 1_000 && wait <= 36_000, `${wait} ms`);
        return true;
      },
    );
    // What cannot have been used before it began anew is let in.
    assert.equal(
      await there?.take('key', 'later', { from: Date.now() + 60_000, until: Date.now() + 90_000 }),
      true,
    );
  });

  test('T7 the places of a gateway that is gone come back, and those of one that lives are said anew to a Redis that is empty', async () => {
    await using redis = await startRedis();
    await using a = await open(redis.url);
    const killed = await open(redis.url);
    const rule = aRule('two', ['agent'], { concurrent: 2 });
    const claims = [{ rule, key: 'x', agent: 'x', calls: 1 }];
    using here = redisLimits(a, memoryLimitStore(systemClock), 'refuse');
    using there = redisLimits(killed, memoryLimitStore(systemClock), 'refuse');
    const mine = await here.take(claims);
    assert.ok(!mine.shortage);
    assert.ok(!(await there.take(claims)).shortage);
    assert.equal((await here.take(claims)).shortage?.kind, 'concurrent');
    // What its lease comes to after fifteen seconds without a word.
    await redis.ask('DEL', killed.aliveKeys + killed.generation);
    assert.ok(!(await here.take(claims)).shortage);
    await killed[Symbol.asyncDispose]();
    await redis.kill();
    await until(() => !a.up, undefined, forLong);
    await redis.start();
    await until(() => a.up, undefined, forLong);
    await using c = await open(redis.url);
    using elsewhere = redisLimits(c, memoryLimitStore(systemClock), 'refuse');
    assert.equal((await elsewhere.take(claims)).shortage?.kind, 'concurrent');
    await mine.leave();
    assert.ok(!(await elsewhere.take(claims)).shortage);
    assert.equal((await elsewhere.take(claims)).shortage?.kind, 'concurrent');
  });

  test('T7 places that were given back while the Redis was away are not held for ever', async () => {
    await using redis = await startRedis();
    await using a = await open(redis.url);
    const rule = aRule('one', ['agent'], { concurrent: 1 });
    const claims = [{ rule, key: 'x', agent: 'x', calls: 1 }];
    using store = redisLimits(a, memoryLimitStore(systemClock), 'refuse');
    for (let times = 0; times < 3; times++) {
      const held = await store.take(claims);
      assert.ok(!held.shortage);
      await redis.ask('CLIENT', 'KILL', 'TYPE', 'normal');
      await held.leave();
      await until(() => a.up, undefined, forLong);
      const again = await store.take(claims);
      assert.ok(!again.shortage);
      await again.leave();
    }
  });

  test('T7 a script that was thrown out, and a key of another kind, are no end: it counts as away for a moment', async () => {
    await using redis = await startRedis();
    await redis.settle();
    await using a = await open(redis.url);
    const [here] = takers(a);
    await redis.ask('SCRIPT', 'FLUSH');
    await assert.rejects(async () => await here?.take('key', '1', fresh()), isFault('unavailable'));
    await until(() => a.up, undefined, forLong);
    assert.equal(await here?.take('key', '2', fresh()), true);
    await redis.ask('DEL', 'countersign:{example.internal}:since');
    await redis.ask('SET', 'countersign:{example.internal}:since', 'x');
    await assert.rejects(async () => await here?.take('key', '3', fresh()), isFault('unavailable'));
  });

  test('O9 a gateway whose clock differs from that of the Redis uses nothing once', async () => {
    await using redis = await startRedis();
    await redis.settle();
    const ahead = { now: () => Date.now() + 20_000, monotonic: () => systemClock.monotonic() };
    await using a = await open(redis.url, { clock: ahead });
    const nonces = redisNonces(a, 'call', ahead, memoryNonces(ahead));
    await assert.rejects(async () => await nonces.take('key', 'n', fresh()), /20 s ahead/);
  });

  test('law 9: one that is not there yet keeps nobody from starting, and is used once it is there', async () => {
    await using redis = await startRedis();
    await redis.kill();
    await using link = await open(redis.url);
    assert.equal(link.up, false);
    assert.match(link.state.detail, /ECONNREFUSED/);
    const [here] = takers(link);
    await assert.rejects(async () => await here?.take('key', 'n', fresh()), isFault('unavailable'));
    await redis.start();
    await until(() => link.up, undefined, forLong);
    assert.deepEqual([link.away.length, link.away.at(-1)], [2, null]);
    const life = Number((await redis.ask('PTTL', link.aliveKeys + link.generation)).slice(1));
    assert.ok(life > 0 && life <= 15_000, `${life} ms`);
  });

  test('law 9: one that takes a connection and then says nothing, asked for a password or not, is away, and is asked again', async () => {
    await using redis = await startRedis();
    await redis.ask('CONFIG', 'SET', 'requirepass', 'canary-4711');
    await using proxy = await startTcpProxy(redis.port);
    proxy.way = 'lost';
    for (const who of [{ ...nobody, password: 'canary-4711' }, nobody]) {
      proxy.way = 'lost';
      await using link = await open(`redis://127.0.0.1:${proxy.port}`, { who, wait: 500 });
      assert.equal(link.up, false);
      proxy.way = 'open';
      if (who.password !== null) await until(() => link.up, undefined, forLong);
      else await until(() => /NOAUTH/.test(link.state.detail), undefined, forLong);
    }
  });

  test('law 9: one that throws keys out when it is full, is a replica, or is full, counts as away and says why', async () => {
    for (const [words, why] of [
      [['--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru'], /maxmemory-policy volatile-lru/],
      [['--replicaof', '127.0.0.1', '1'], /replica/],
      [['--maxmemory', '1', '--maxmemory-policy', 'noeviction'], /OOM/],
    ] as const) {
      await using redis = await startRedis(words);
      await using link = await open(redis.url);
      assert.equal(link.up, false);
      assert.match(link.state.detail, why);
    }
  });

  test('law 10: TLS with an authority of one’s own and a user that may do no more than docs/redis.md says', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-redis-tls-'));
    try {
      const authority = createFixtureAuthority('authority');
      const server = authority.issue({ commonName: 'redis', purpose: 'server' });
      const client = authority.issue({ commonName: 'gateway', purpose: 'client' });
      const files = { cert: server.certificate, key: server.key, 'ca-cert': authority.certificate };
      const file = (...names: readonly string[]) =>
        names.flatMap((name) => [`--tls-${name}-file`, join(folder, name)]);
      for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem);
      const port = await freePort();
      await using redis = await startRedis(['--tls-port', String(port), ...file('cert', 'key', 'ca-cert')]);
      const page = await readPage();
      const [, rights = ''] = /^ACL SETUSER gateway on >\S+ (.*)$/m.exec(page) ?? [];
      assert.match(rights, /^~countersign:\* /);
      assert.equal(
        await redis.ask('ACL', 'SETUSER', 'gateway', 'on', '>canary-4711', ...rights.split(' ')),
        '+OK\r\n',
      );
      await redis.settle();
      const url = `rediss://localhost:${port}`;
      const who = {
        username: 'gateway',
        password: 'canary-4711',
        authorities: authority.certificate,
        certificate: client,
      };
      await using link = await open(url, { who });
      assert.equal(link.up, true, link.state.detail);
      const [here] = takers(link);
      assert.equal(await here?.take('key', 'n', fresh()), true);
      using limits = redisLimits(link, memoryLimitStore(systemClock), 'refuse');
      const rule = aRule('all', ['agent'], {
        rate: { calls: 1, milliseconds: 1_000, burst: 10 },
        concurrent: 1,
        budget: { hour: { calls: 5, octets: 5 }, day: null },
      });
      const held = await limits.take([{ rule, key: 'x', agent: 'x', calls: 1 }]);
      assert.ok(!held.shortage);
      await held.spend(10);
      await held.leave();
      for (const wrong of [
        { ...who, password: 'another' },
        { ...who, authorities: createFixtureAuthority('other').certificate },
        { ...who, certificate: null },
      ]) {
        await using refused = await open(url, { who: wrong });
        assert.equal(refused.up, false);
        assert.doesNotMatch(refused.away.join(), /canary-4711|another/);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function readPage(): Promise<string> {
  return await readFile(join(import.meta.dirname, '../../docs/redis.md'), 'utf8');
}
