import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { SignJWT } from 'jose';
import { openSecrets } from '../../src/app/compose/open-secrets.ts';
import { configSchema, toConfig } from '../../src/app/config/config.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Fault } from '../../src/kernel/fault.ts';
import type { SecretEvent } from '../../src/secrets/held-secret.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import type { Secrets } from '../../src/secrets/resolve.ts';
import { isFault } from '../contracts/is-fault.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { type OpenBao, skip, startOpenBao } from './open-bao.ts';
import { startPostgres } from './start-postgres.ts';

const canary = 'canary-secret-in-openbao';
const policy = ['kv/data/*', 'old/*', 'database/creds/*']
  .map((path) => `path "${path}" { capabilities = ["read"] }`)
  .join('\n');

interface Opened extends Secrets {
  readonly events: readonly SecretEvent[];
  readonly redact: (text: string) => string;
}

function open(vault: JsonObject, more: JsonObject = {}, environment: Record<string, string> = {}): Opened {
  const { secrets: config } = toConfig(configSchema.parse({ secrets: { vault, ...more } }));
  const events: SecretEvent[] = [];
  const redactor = createRedactor();
  const secrets = openSecrets({
    config,
    environment,
    clock: systemClock,
    redactor,
    identity: () => {
      throw new Error('no certificate here');
    },
    tell: (event) => events.push(event),
  });
  return Object.assign(secrets, { events, redact: redactor.redact });
}

/** A token of a service account of the namespace `mcp`, as Kubernetes makes them. */
async function serviceAccountToken(name: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const subject = { namespace: 'mcp', serviceaccount: { name, uid: `uid-of-${name}` } };
  return await new SignJWT({ 'kubernetes.io': subject })
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer('https://kubernetes.default.svc.cluster.local')
    .setSubject(`system:serviceaccount:mcp:${name}`)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(privateKey);
}

/** The part of the API of Kubernetes that says whose a token is: one is known. */
async function openTokenReview(folder: string, known: { readonly token: string; readonly account: string }) {
  const reviewed: string[] = [];
  const [cert, key] = await Promise.all(
    ['server.pem', 'server-key.pem'].map((name) => readFile(join(folder, name))),
  );
  const server = createServer({ cert, key }, (request, response) => {
    void (async () => {
      const { spec } = JSON.parse(await text(request)) as { readonly spec: { readonly token: string } };
      reviewed.push(spec.token);
      const authenticated =
        request.url === '/apis/authentication.k8s.io/v1/tokenreviews' &&
        request.headers.authorization === 'Bearer the-reviewer' &&
        spec.token === known.token;
      const user = { username: known.account, uid: 'uid-of-gateway', groups: ['system:serviceaccounts'] };
      const status = authenticated ? { authenticated, user } : { authenticated, error: 'unknown' };
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec, status }),
      );
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reviewed,
    [Symbol.dispose]: () => void server.close(),
  };
}

/** Everything that a fault and what caused it say. */
function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${wordsOf(error.cause)}` : '';
}

test('S1 OpenBao: key-value engines of both versions, leases, and every way that it can fail', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-secrets-'));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
  const bao = cleanUp.use(await startOpenBao(folder, { transit: false }));
  await bao.ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  await bao.ask('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } });
  await bao.ask('POST', 'kv/data/team/github', { data: { token: canary, port: 5432, no: { text: 1 } } });
  await bao.ask('POST', 'old/github', { token: 'canary-of-version-one' });
  const token = await bao.tokenFor('mcp', policy);
  const at = { address: bao.address, ca: bao.authorities, addresses: 'any' };
  const byToken = { ...at, login: 'token', token: 'env:TOKEN' };

  await t.test('the newest version, a pinned one, the engine of version 1, and what is no text', async () => {
    await using secrets = open(byToken, {}, { TOKEN: token });
    assert.equal(await secrets.resolve('vault:kv/data/team/github#token'), canary);
    assert.equal(await secrets.resolve('port=${vault:kv/data/team/github#port}'), 'port=5432');
    await bao.ask('POST', 'kv/data/team/github', { data: { token: 'canary-of-later' } });
    assert.equal(await secrets.resolve('vault:kv/data/team/github?version=1#token'), canary);
    assert.equal(await secrets.resolve('vault:old/github#token'), 'canary-of-version-one');
    for (const text of ['vault:kv/data/team/github?version=1#no', 'vault:kv/data/team/github#nothing']) {
      await assert.rejects(secrets.resolve(text), isFault('secret_unresolved'));
    }
    await assert.rejects(secrets.resolve('vault:kv/team/github#token'), (error) => {
      assert.match(String(error), /does not let it be read/);
      return isFault('secret_unresolved')(error);
    });
    assert.equal(secrets.redact(`x ${canary} y`), 'x [secret] y');
  });

  await t.test(
    'AppRole, anew by itself when its token was ended, and its tokens end with the gateway',
    async () => {
      await bao.ask('POST', 'sys/auth/approle', { type: 'approle' });
      await bao.ask('POST', 'auth/approle/role/mcp', { token_policies: ['mcp'], token_ttl: '1h' });
      const { data } = await bao.ask('GET', 'auth/approle/role/mcp/role-id');
      const made = await bao.ask('POST', 'auth/approle/role/mcp/secret-id', {});
      const login = { ...at, login: 'approle', roleId: member(data, 'role_id'), secretId: 'env:SECRET_ID' };
      const environment = { SECRET_ID: member(made['data'], 'secret_id') };
      const secrets = open(login, { holdMilliseconds: 0 }, environment);
      assert.equal(await secrets.resolve('vault:old/github#token'), 'canary-of-version-one');
      await bao.ask('PUT', 'sys/leases/revoke-prefix/auth/approle/login', {});
      assert.equal(await secrets.resolve('vault:old/github#token'), 'canary-of-version-one');
      const before = await accessors(bao);
      await secrets[Symbol.asyncDispose]();
      assert.equal((await accessors(bao)).length, before.length - 1);
      await using wrong = open(login, {}, { SECRET_ID: 'canary-wrong-id' });
      await assert.rejects(wrong.resolve('vault:old/github#token'), isFault('secret_unresolved'));
    },
  );

  await t.test('the token of a service account, which OpenBao asks Kubernetes about each time', async () => {
    const account = 'system:serviceaccount:mcp:gateway';
    const own = await serviceAccountToken('gateway');
    const reviewer = cleanUp.use(await openTokenReview(folder, { token: own, account }));
    await bao.ask('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
    await bao.ask('POST', 'auth/kubernetes/config', {
      kubernetes_host: reviewer.address,
      kubernetes_ca_cert: await readFile(bao.authorities, 'utf8'),
      token_reviewer_jwt: 'the-reviewer',
      disable_local_ca_jwt: true,
    });
    await bao.ask('POST', 'auth/kubernetes/role/gateway', {
      bound_service_account_names: ['gateway'],
      bound_service_account_namespaces: ['mcp'],
      token_policies: ['mcp'],
      token_ttl: '1h',
    });
    const tokenFile = join(folder, 'service-account');
    const login = { ...at, login: 'kubernetes', role: 'gateway', serviceAccount: tokenFile };
    await writeFile(tokenFile, own);
    {
      await using secrets = open(login);
      assert.equal(await secrets.resolve('vault:old/github#token'), 'canary-of-version-one');
      assert.deepEqual(reviewer.reviewed, [own]);
      assert.equal(secrets.redact(`x ${own} y`).includes(own), false, 'the token that was shown is a secret');
    }
    // Of another account, and one that Kubernetes does not know.
    for (const other of [await serviceAccountToken('somebody'), await serviceAccountToken('gateway')]) {
      await writeFile(tokenFile, other);
      await using secrets = open(login);
      await assert.rejects(secrets.resolve('vault:old/github#token'), isFault('secret_unresolved'));
    }
  });

  await t.test('a secret that was deleted, and one that nobody may read, are no secrets', async () => {
    await using secrets = open(byToken, {}, { TOKEN: token });
    await bao.ask('POST', 'kv/data/gone', { data: { token: canary } });
    await bao.ask('DELETE', 'kv/data/gone');
    await assert.rejects(secrets.resolve('vault:kv/data/gone#token'), isFault('secret_unresolved'));
    await assert.rejects(secrets.resolve('vault:other/x#token'), isFault('secret_unresolved'));
  });

  await t.test(
    'a database credential is made, renewed, replaced at its largest life, and ended with the gateway',
    (inner) => leases(inner, bao, { ...byToken, environment: { TOKEN: token } }),
  );

  await t.test(
    'sealed, frozen, meddled with and gone: the call is denied in time, and nothing that it says is told',
    async () => {
      const proxy = cleanUp.use(await startFaultProxy(bao.address, await readFile(bao.authorities, 'utf8')));
      await using secrets = open(
        { ...byToken, address: proxy.address },
        { holdMilliseconds: 0 },
        { TOKEN: token },
      );
      const text = 'vault:kv/data/team/github#token';
      assert.equal(await secrets.resolve(text), 'canary-of-later');
      for (const lie of [
        { status: 200, body: `<html>${canary}` },
        { status: 200, body: JSON.stringify({ data: null }) },
        {
          status: 200,
          body: JSON.stringify({ data: { data: { token: [canary] }, metadata: { version: 1 } } }),
        },
        { status: 403, body: JSON.stringify({ errors: [`permission denied ${canary}`] }) },
        { status: 503, body: JSON.stringify({ errors: [`sealed ${canary}`] }) },
        { status: 307, body: '' },
      ]) {
        proxy.meddle = () => lie;
        await using fresh = open({ ...byToken, address: proxy.address }, {}, { TOKEN: token });
        await assert.rejects(fresh.resolve(text), (error) => {
          assert.ok(error instanceof Fault && !error.message.includes(canary), String(error));
          assert.match(error.code, /^secret_un(resolved|available)$/);
          assert.ok(error.message.includes(text));
          return true;
        });
      }
      proxy.meddle = null;
      bao.freeze();
      const from = performance.now();
      await using frozen = open(byToken, {}, { TOKEN: token });
      await assert.rejects(frozen.resolve(text), isFault('secret_unavailable'));
      assert.ok(performance.now() - from < 7_000);
      bao.thaw();
      await bao.stop();
      await using gone = open(byToken, {}, { TOKEN: token });
      await assert.rejects(gone.resolve(text), isFault('secret_unavailable'));
      await bao.start();
      await until(async () => (await gone.resolve(text)) === 'canary-of-later');
      await bao.ask('PUT', 'sys/seal', {}).catch(() => undefined);
      await using sealed = open(byToken, {}, { TOKEN: token });
      await assert.rejects(sealed.resolve(text), isFault('secret_unavailable'));
    },
  );

  await t.test(
    'a Vault of another authority, and one at an address that nobody allowed, is sent nothing',
    async () => {
      const text = 'vault:old/github#token';
      await writeFile(join(folder, 'other.pem'), await readFile(join(folder, 'client.pem'), 'utf8'));
      await using untrusted = open({ ...byToken, ca: join(folder, 'other.pem') }, {}, { TOKEN: token });
      await assert.rejects(untrusted.resolve(text), (error) => {
        assert.match(wordsOf(error), /Vault is not trusted/);
        return isFault('secret_unresolved')(error);
      });
      await using inside = open({ ...byToken, addresses: 'public' }, {}, { TOKEN: token });
      await assert.rejects(inside.resolve(text), (error) => {
        assert.match(String(error), /secrets\.vault\.addresses/);
        return isFault('secret_unresolved')(error);
      });
    },
  );
});

async function leases(
  t: TestContext,
  bao: OpenBao,
  { environment, ...vault }: JsonObject & { readonly environment: Record<string, string> },
): Promise<void> {
  await using postgres = await startPostgres().catch(() => null);
  if (!postgres) return t.skip('PostgreSQL is not installed here');
  await bao.ask('POST', 'sys/mounts/database', { type: 'database' });
  await bao.ask('POST', 'database/config/reports', {
    plugin_name: 'postgresql-database-plugin',
    connection_url: `postgresql://{{username}}@${postgres.host}:${postgres.port}/${postgres.database}?sslmode=disable`,
    username: postgres.user,
    password: 'unused',
    allowed_roles: ['reports'],
  });
  await bao.ask('POST', 'database/roles/reports', {
    db_name: 'reports',
    creation_statements: [
      `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
    ],
    default_ttl: '3s',
    max_ttl: '6s',
  });
  const secrets = open(vault, {}, environment);
  const text = '${vault:database/creds/reports#username} ${vault:database/creds/reports#password}';
  const first = await secrets.resolve(text);
  assert.match(first, /^v-\S+ \S{16,}$/);
  assert.equal(secrets.lease(text), 3_000);
  // Half of its largest life later it is the same; after that another one, with no moment without.
  const seen = new Set<string>();
  const from = performance.now();
  while (performance.now() - from < 7_500) {
    seen.add(await secrets.resolve(text));
    if (performance.now() - from < 3_200) assert.equal(seen.size, 1, 'it was renewed');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(seen.size >= 2 && seen.size <= 4, String(seen.size));
  const roles = async (): Promise<number> => {
    const { data } = await bao
      .ask('LIST', 'sys/leases/lookup/database/creds/reports')
      .catch(() => ({ data: {} }));
    return ((data as { keys?: string[] }).keys ?? []).length;
  };
  assert.ok((await roles()) > 0);
  await secrets[Symbol.asyncDispose]();
  await until(async () => (await roles()) === 0);
}

async function accessors(bao: OpenBao): Promise<readonly string[]> {
  const { data } = await bao.ask('LIST', 'auth/token/accessors');
  return (data as { keys: string[] }).keys;
}

function member(json: unknown, name: string): string {
  return String((json as Record<string, unknown>)[name]);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('what was waited for did not come');
}
