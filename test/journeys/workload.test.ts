import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Agent, fetch as undiciFetch } from 'undici';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { tokenOf } from '../../src/enrol/workload/workload.fixture.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { openTown, type Town } from './deployment.ts';
import { run } from './program.ts';

/** A platform that gives its workloads JWTs: an HTTPS server with an OpenID configuration and keys that can be turned over. */
interface Platform extends AsyncDisposable {
  readonly url: string;
  /** The root that vouches for its server. */
  readonly roots: string;
  token(claims?: JsonObject): string;
  /** Another key signs from now on, and the old one is no more. */
  turnOver(): void;
  /** Answers nothing from now on. */
  fall(): Promise<void>;
}

async function openPlatform(town: Town): Promise<Platform> {
  const order = { name: 'platform', kind: 'server', dnsNames: ['localhost'], ipAddresses: [] } as const;
  const { privateKey: tlsKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(tlsKey, { commonName: 'platform' }));
  const { certificate, roots } = await town.deployment.authority.issueFor({ ...order, csr }, 'test');
  let turn = 0;
  let { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = createServer(
    { cert: certificate, key: tlsKey.export({ type: 'pkcs8', format: 'pem' }) },
    (request, response) => {
      const jwk = {
        ...createPublicKey(privateKey).export({ format: 'jwk' }),
        kid: `key-${turn}`,
        use: 'sig',
      };
      const answers: Record<string, unknown> = {
        '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
        '/keys': { keys: [jwk] },
      };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answers[request.url ?? ''] ?? {}));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url,
    roots,
    token(claims = {}) {
      const seconds = Math.floor(Date.now() / 1_000);
      const usual = { iss: url, aud: ['countersign'], sub: 'system:serviceaccount:agents:ci-bot' };
      const times = { iat: seconds, exp: seconds + 600, jti: `${Math.random()}` };
      return tokenOf({ alg: 'ES256', kid: `key-${turn}` }, { ...usual, ...times, ...claims }, privateKey);
    },
    turnOver() {
      turn += 1;
      ({ privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    },
    fall: close,
    [Symbol.asyncDispose]: close,
  };
}

describe('I3 a workload with the JWT of its platform', () => {
  const opened = new AsyncDisposableStack();
  let folder = '';
  let town: Town;
  let platform: Platform;
  const issuers = (more = ''): string => `issuers:
  - name: cluster
    issuer: ${platform.url}
    audience: countersign
    ca: ${join(folder, 'platform.pem')}
    privateAddresses: true
${more}    rules:
      - subject: "system:serviceaccount:agents:{account}"
        name: "{account}"
`;
  const enrol = async (token: string): Promise<{ readonly status: number; readonly body: JsonObject }> => {
    const { roots } = town.deployment.authority.describe();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'ci-bot' }));
    const dispatcher = new Agent({ connect: { ca: roots } });
    try {
      const response = await undiciFetch(`${town.authorityUrl}/v1/enrol/workload`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token, csr }),
        dispatcher,
      });
      return { status: response.status, body: (await response.json()) as JsonObject };
    } finally {
      await dispatcher.destroy();
    }
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-workload-'));
    town = opened.use(await openTown());
    platform = opened.use(await openPlatform(town));
    await writeFile(join(folder, 'platform.pem'), platform.roots);
    await town.addAgent('ci-bot');
  });
  after(async () => {
    await opened.disposeAsync();
    await rm(folder, { recursive: true, force: true });
  });

  test('gets nothing while no issuer is known, its certificate once one is, and each token gives one', async () => {
    const unknown = await enrol(platform.token());
    assert.deepEqual([unknown.status, unknown.body['code']], [403, 'workload_refused']);
    await writeFile(town.data.workloads, issuers());
    const token = platform.token();
    const { status, body } = await enrol(token);
    assert.equal(status, 200, JSON.stringify(body));
    const { subjectAltName } = new X509Certificate(body['certificate'] as string);
    assert.equal(subjectAltName, 'URI:spiffe://example.internal/agent/ci-bot');
    const again = await enrol(token);
    assert.deepEqual([again.status, again.body['code']], [403, 'workload_refused']);
  });

  test('is recognised by a key that its platform has only now', async () => {
    platform.turnOver();
    // Keys are asked for anew half a minute after the last time at the earliest, and at once when the file has changed.
    await writeFile(town.data.workloads, issuers('    longestMinutes: 59\n'));
    assert.equal((await enrol(platform.token())).status, 200);
  });

  test('is let in by nobody while the file is wrong, and the log says where; then again', async () => {
    await writeFile(town.data.workloads, issuers().replace('audience:', 'audiance:'));
    const wrong = await enrol(platform.token());
    assert.deepEqual([wrong.status, wrong.body['code']], [503, 'unavailable']);
    assert.doesNotMatch(JSON.stringify(wrong.body), /workloads\.yaml|audiance/);
    const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
    assert.match(log, /workloads\.yaml: [^"]*audiance is not a setting\. Did you mean issuers\.0\.audience/);
    await writeFile(town.data.workloads, issuers());
    assert.equal((await enrol(platform.token())).status, 200);
  });

  test('a bridge shows it at its first start in place of a join token', async () => {
    const file = join(folder, 'token');
    await writeFile(file, platform.token(), { mode: 0o644 });
    const { authority } = town.deployment;
    const words = ['bridge', '--gateway', town.endpoint('none'), '--authority', town.authorityUrl];
    const state = join(folder, 'state');
    const { code, stderr } = await run([
      ...words,
      '--agent',
      'ci-bot',
      '--workload-token-file',
      file,
      '--ca-fingerprint',
      authority.describe().rootFingerprint,
      '--state',
      state,
    ]);
    assert.equal(code, 0, stderr);
    const stored = await authority.store.certificates.list({ name: 'ci-bot' });
    assert.ok(stored.some(({ door }) => door === 'workload'));
    const both = await run([...words, '--workload-token-file', file, '--join-token', 'x', '--state', state]);
    assert.match(both.stderr, /two ways in/);
  });

  test('is let in by nobody while its platform, whose keys are not known, does not answer', async () => {
    await platform.fall();
    await writeFile(town.data.workloads, issuers('    longestMinutes: 58\n'));
    const { status, body } = await enrol(platform.token());
    assert.deepEqual([status, body['code']], [503, 'unavailable']);
  });
});
