import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readTokens } from '../../src/app/config/tokens-file.ts';
import { openRecordedServer } from '../attacks/recorded-server.ts';
import { missing } from '../interop/missing.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { openKeycloakShape } from './keycloak-shape.ts';
import { runGuide } from './run-guide.ts';

const skip = missing('bash', 'curl');

test('O4 the commands of the guide to tokens of others do what it says, and no token stays in a log', {
  skip,
  timeout: 150_000,
}, async () => {
  await using town = await openTown();
  await using server = await openRecordedServer();
  await town.addHttpServer('files', server.url);
  await town.permit('permit (principal, action, resource);');
  await using sso = await openKeycloakShape(town, town.endpoint('files'));
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const rootsFile = join(folder, 'sso.pem');
    writeFileSync(rootsFile, sso.roots);
    const known = {
      GATEWAY: town.gateway.agents.url,
      FOLDER: town.data.folder,
      SSO: sso.issuer,
      SSO_CA: rootsFile,
      AGENT: await identityOf(town, 'ci-bot', folder),
      THIEF: await identityOf(town, 'thief', folder),
    };
    await runGuide('tokens-direct', known, async ({ code, said, folder: made }) => {
      assert.equal(code, 0, said);
      const token = /Bearer ([^"]+)/.exec(await readFile(join(made, 'token.txt'), 'utf8'))?.[1] ?? '';
      assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
      assert.ok(server.seen.length > 0);
      assert.ok(!JSON.stringify(server.seen.map(({ headers }) => headers)).includes(token.slice(-40)));
      const events = await town.events();
      const permitted = events.filter(({ type }) => type === 'call.permitted').at(-1);
      assert.deepEqual(
        ['agent', 'person', 'client', 'issuer', 'binding'].map((name) => permitted?.[name]),
        ['ci-bot', 'keycloak:service-account-ci-bot', 'ci-bot', 'keycloak', 'mtls'],
      );
      assert.ok(!JSON.stringify(events).includes(token.slice(-40)));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('O4 the example of the guide for servers that cannot bind is a file that is read', async () => {
  const guide = await readFile(join(import.meta.dirname, '../../docs/guides/tokens-direct.md'), 'utf8');
  const example = /^```yaml\n(issuers:[\s\S]*?)^```$/m.exec(guide)?.[1] ?? '';
  const rules = readTokens('tokens.yaml', example);
  assert.deepEqual(rules.servers.get('files')?.bindings, new Set(['mtls', 'paired']));
  const page = await readFile(join(import.meta.dirname, '../../docs/tokens.md'), 'utf8');
  const whole = /^```yaml\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
  assert.deepEqual([...readTokens('tokens.yaml', whole).servers.keys()], ['files', 'git']);
});

async function identityOf(town: Town, name: string, folder: string): Promise<string> {
  await town.addAgent(name);
  const { cert, key, ca } = await town.issue(name);
  const at = join(folder, name);
  mkdirSync(at);
  writeFileSync(join(at, 'certificate.pem'), cert);
  writeFileSync(join(at, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(at, 'roots.pem'), ca);
  return at;
}
