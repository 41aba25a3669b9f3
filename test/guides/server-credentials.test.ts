import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { openRecordedServer } from '../attacks/recorded-server.ts';
import { missing } from '../interop/missing.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { runGuide, townFor } from './run-guide.ts';
import { openTokenGiver } from './token-giver.ts';

const skip = missing('bash', 'curl', 'openssl');

test('O5 the commands of the guide to credentials of servers do what it says, and the token of the agent stays behind the gateway', {
  skip,
  timeout: 150_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const town = opened.use(await openTown());
  const [reports, billing] = [opened.use(await openRecordedServer()), opened.use(await openRecordedServer())];
  const exchanged: string[] = [];
  const register = join(folder, 'client.pub');
  const giver = opened.use(
    await openTokenGiver({
      register,
      clientAuthority: await readFile(town.data.rootCertificate, 'utf8'),
      async subjectOf(token) {
        const trust = town.gateway.view.tokens();
        const keys = createLocalJWKSet({ keys: [...(trust?.keys ?? [])] });
        const { payload } = await jwtVerify(token, keys, { issuer: trust?.issuer ?? '' });
        exchanged.push(token);
        return String(payload.sub);
      },
    }),
  );
  await town.permit('permit (principal, action, resource);');
  await writeFile(join(folder, 'issuer.pem'), giver.authority);
  const known = {
    ...(await townFor(town, folder)),
    GATEWAY: town.gateway.agents.url,
    FOLDER: town.data.folder,
    AGENT: await identityOf(town, 'reader', folder),
    ISSUER: giver.issuer,
    ISSUER_CA: join(folder, 'issuer.pem'),
    REGISTER: register,
    REPORTS: reports.url,
    BILLING: billing.url,
  };
  await runGuide('server-credentials', known, async ({ code, said }) => {
    assert.equal(code, 0, said);
    const shown = (server: typeof reports): string[] =>
      server.seen.map(({ headers }) => (headers.authorization ?? '').replace('Bearer ', ''));
    assert.ok(shown(reports).length > 0 && shown(reports).every((token) => token !== ''));
    assert.ok(shown(billing).length > 0 && exchanged.length > 0);
    assert.equal(decodeJwt(exchanged[0] ?? '').sub, 'spiffe://example.internal/agent/reader');
    // What the servers got is theirs, and what the agent came with is nowhere else.
    assert.notDeepEqual(new Set(shown(reports)), new Set(shown(billing)));
    const events = JSON.stringify(await town.events());
    for (const token of exchanged) {
      for (const text of [JSON.stringify(reports.seen), JSON.stringify(billing.seen), events, said]) {
        assert.ok(!text.includes(token.slice(-40)));
      }
    }
    assert.ok(
      events.includes('"credential":"client-credentials"') && events.includes('"credential":"exchange"'),
    );
    for (const token of [...shown(reports), ...shown(billing)]) assert.ok(!events.includes(token));
  });
});

async function identityOf(town: Town, name: string, folder: string): Promise<string> {
  await town.addAgent(name);
  const { cert, key, ca } = await town.issue(name);
  const at = join(folder, name);
  await mkdir(at);
  await writeFile(join(at, 'certificate.pem'), cert);
  await writeFile(join(at, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(at, 'roots.pem'), ca);
  return at;
}
