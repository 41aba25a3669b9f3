import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { PartnerOrder } from '../../src/app/authority/partners.ts';
import { openRawSession, rawInitialize } from '../../tour/raw-request.ts';
import { openTown, type Presentable, until } from './deployment.ts';
import { authorityOf } from './fresh-authority.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { start } from './program.ts';

/** What anybody gets from a URL. */
function get(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent: false, ca }, (answer) => void text(answer).then(resolve, reject));
    asked.on('error', reject).end();
  });
}

test('I11 two authorities are partners: an agent of the one is nobody at the gateways of the other, then what it is mapped to, then nobody within a second', async (context) => {
  await using opened = new AsyncDisposableStack();
  const old = opened.use(await openLegacyServer());
  const here = opened.use(await openTown());
  const there = opened.use(await openTown({}, { from: await authorityOf('acme.example') }));
  await here.addHttpServer('old', old.url);
  await here.permit('permit (principal in Role::"builder", action, resource);');
  // An agent of that name, with the role, is ours as well; whoever is called like it elsewhere is not it.
  await here.addAgent('ci-bot', ['builder']);
  await there.addAgent('ci-bot', ['admin']);
  const ours = await here.issue('ci-bot');
  const theirs: Presentable = { ...(await there.issue('ci-bot')), ca: ours.ca };

  // A gateway in a process of its own, which hears of partners over the network.
  const { authority } = here.deployment;
  const folder = await mkdtemp(join(tmpdir(), 'countersign-gateway-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
  const order = { name: 'edge', kind: 'gateway', minutes: 5, ...names } as const;
  const { token, rootFingerprint } = await authority.createJoinToken(order, 'test');
  const place = ['--authority', here.authorityUrl, '--name', 'edge', '--state', folder, '--ports', 'any'];
  const arriving = ['--ca-fingerprint', rootFingerprint, '--join-token', token];
  const edge = opened.use(await start(['gateway', ...place, ...arriving]));
  const gateways = [here.endpoint('old'), `${edge.first.listening['agents']}/mcp/old`];
  const answers = async (): Promise<readonly (number | null)[]> =>
    await Promise.all(gateways.map(async (url) => (await rawInitialize(url, theirs)).status));
  const settled = async (...wanted: readonly (number | null)[]): Promise<number> => {
    const began = performance.now();
    while ((await answers()).join() !== wanted.join()) assert.ok(performance.now() - began < 5_000);
    return performance.now() - began;
  };

  assert.deepEqual(await answers(), [null, null]);
  const roots = (await there.issue('operator', 'admin')).ca;
  const { partners } = authority;
  const partner: PartnerOrder = {
    name: 'acme',
    trustDomain: 'acme.example',
    bundle: await get(`${there.authorityUrl}/bundle`, roots),
    authorities: null,
    source: {
      url: `${there.authorityUrl}/bundle`,
      known: { by: 'spiffe', id: 'spiffe://acme.example/server/authority' },
      privateAddresses: true,
    },
    mappings: [{ pattern: '/agent/other', roles: ['builder'] }],
    maximumLife: 86_400_000,
    trustedFor: null,
    replace: false,
  };
  await partners.add(partner, 'test');
  await settled(403, 403);
  assert.match((await rawInitialize(gateways[0] ?? '', theirs)).body, /partner_unmapped/);

  await partners.add(
    { ...partner, mappings: [{ pattern: '/agent/ci-*', roles: ['builder'] }], replace: true },
    'test',
  );
  await settled(200, 200);
  const call = (await here.events()).findLast(({ type }) => type === 'call.permitted');
  assert.equal(call?.['agent'], 'spiffe://acme.example/agent/ci-bot');

  // The bundle vouches for the next one, and for nobody who is not called as was said.
  const before = await partners.refresh('acme');
  const again = await partners.refresh('acme');
  assert.deepEqual(again.authorities, before.authorities);
  assert.ok(again.readAt > before.readAt);
  const strange = { by: 'spiffe', id: 'spiffe://acme.example/server/other' } as const;
  const source = partner.source && { ...partner.source, known: strange };
  await partners.add({ ...partner, source, replace: true }, 'test');
  await assert.rejects(partners.refresh('acme'), { code: 'gateway_untrusted' });
  await partners.add(
    { ...partner, mappings: [{ pattern: '/agent/*', roles: ['builder'] }], replace: true },
    'test',
  );
  await settled(200, 200);

  const sessions = await Promise.all(gateways.map((url) => openRawSession(url, theirs)));
  const began = performance.now();
  const cuts = sessions.map(({ streamCut }) => streamCut.then(() => performance.now() - began));
  await partners.remove('acme', 'test');
  const refusal = await settled(null, null);
  const cut = Math.max(...(await Promise.all(cuts)));
  context.diagnostic(`refusal ${refusal.toFixed(0)} ms, streams ${cut.toFixed(0)} ms`);
  assert.ok(refusal < 1_000 && cut < 1_000);
  for (const session of sessions) session.close();
  assert.equal((await rawInitialize(gateways[0] ?? '', ours)).status, 200);
  await until(() => here.gateway.liveCalls() === 0);
});
