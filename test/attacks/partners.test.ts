import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openRawSession, rawInitialize } from '../../tour/raw-request.ts';
import { missing } from '../interop/missing.ts';
import { openTown, type Town, until } from '../journeys/deployment.ts';
import { openLegacyServer } from '../journeys/mcp-servers.ts';
import { type PartnerPki, partnerPki, type Wish } from './partner-pki.ts';

const id = (trustDomain: string, path = '/agent/ci-1'): string => `URI:spiffe://${trustDomain}${path}`;

describe('I11 partners whose authorities sign whatever they like', { skip: missing('openssl') }, () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let acme: PartnerPki;
  let other: PartnerPki;
  let ca = '';
  let reached = (): number => 0;

  const addPartner = async (
    name: string,
    pki: PartnerPki,
    more: { readonly replace?: boolean } = {},
  ): Promise<void> => {
    const order = {
      name,
      trustDomain: `${name}.example`,
      bundle: null,
      authorities: pki.authority(),
      source: null,
      mappings: [{ pattern: '/agent/ci-*', roles: ['builder'] }],
      maximumLife: 25 * 60 * 60_000,
      trustedFor: null,
      replace: more.replace ?? false,
    };
    const record = await town.deployment.authority.partners.add(order, 'test');
    await until(() => town.gateway.view.identity.partner(record.trustDomain)?.readAt === record.readAt);
  };
  const knock = (shown: { readonly cert: string; readonly key: string }) =>
    rawInitialize(town.endpoint('old'), { ca, ...shown });

  before(async () => {
    acme = opened.use(partnerPki('acme'));
    other = opened.use(partnerPki('other'));
    const old = opened.use(await openLegacyServer());
    reached = () => old.seen.length;
    town = opened.use(await openTown());
    await town.addHttpServer('old', old.url);
    await town.addAgent('ci-bot', ['builder']);
    await town.permit('permit (principal in Role::"builder", action, resource);');
    ({ ca } = await town.issue('ci-bot'));
    await addPartner('acme', acme);
    await addPartner('other', other);
  });
  after(() => opened.disposeAsync());

  test('an agent that is mapped is let in as itself: its roles are ours, its name is its whole SPIFFE ID', async () => {
    assert.equal((await knock(acme.issue({ names: id('acme.example') }))).status, 200);
    const call = (await town.events()).findLast(({ type }) => type === 'call.permitted');
    assert.equal(call?.['agent'], 'spiffe://acme.example/agent/ci-1');
    assert.equal(call?.['spiffeId'], 'spiffe://acme.example/agent/ci-1');
    assert.equal(call?.['person'], 'partner/acme');
  });

  test('its certificate may be like those of SPIRE: by an intermediate, for servers too, with DNS names, without a common name', async () => {
    acme.intermediate('spire', { names: 'URI:spiffe://acme.example', constraints: 'CA:TRUE,pathlen:0' });
    const usages = {
      keyUsage: 'digitalSignature,keyEncipherment',
      extendedKeyUsage: 'serverAuth,clientAuth',
    };
    const svid = {
      by: 'spire',
      names: `${id('acme.example', '/agent/ci-2')},DNS:ci.acme.example`,
      ...usages,
    };
    assert.equal((await knock(acme.issue({ ...svid, subject: '/C=US/O=SPIRE' }))).status, 200);
  });

  // A chain that OpenSSL refuses never becomes a request; one that it accepts is refused by ours with its code.
  const attacks: readonly { readonly title: string; readonly wish: Wish; readonly code: string | null }[] = [
    {
      title: 'one of our own agents',
      wish: { names: id('example.internal', '/agent/ci-bot'), subject: '/CN=ci-bot' },
      code: null,
    },
    { title: 'an agent of another partner', wish: { names: id('other.example') }, code: null },
    {
      title: 'an agent of a trust domain that nobody has',
      wish: { names: id('nobody.example') },
      code: null,
    },
    { title: 'a trust domain below its own', wish: { names: id('sub.acme.example') }, code: null },
    { title: 'a host with a port', wish: { names: id('acme.example:443') }, code: 'certificate_profile' },
    {
      title: 'two agents at once',
      wish: { names: `${id('acme.example')},${id('acme.example', '/agent/ci-2')}` },
      code: 'certificate_profile',
    },
    { title: 'nobody', wish: { names: '' }, code: 'certificate_profile' },
    {
      title: 'nobody but a host',
      wish: { names: 'DNS:ci-bot.example.internal' },
      code: 'certificate_profile',
    },
    {
      title: 'a person by e-mail besides',
      wish: { names: `${id('acme.example')},email:admin@example.internal` },
      code: 'certificate_profile',
    },
    {
      title: 'an authority',
      wish: { names: id('acme.example'), constraints: 'CA:TRUE', keyUsage: 'digitalSignature,keyCertSign' },
      code: 'certificate_profile',
    },
    {
      title: 'a server alone',
      wish: { names: id('acme.example'), extendedKeyUsage: 'serverAuth' },
      code: null,
    },
    {
      title: 'anything at all',
      wish: { names: id('acme.example'), extendedKeyUsage: '' },
      code: 'certificate_profile',
    },
    {
      title: 'somebody for longer than is allowed',
      wish: { names: id('acme.example'), days: '3' },
      code: 'certificate_profile',
    },
    { title: 'somebody until yesterday', wish: { names: id('acme.example'), days: '-1' }, code: null },
    {
      title: 'somebody whom nothing maps',
      wish: { names: id('acme.example', '/agent/other') },
      code: 'partner_unmapped',
    },
    {
      title: 'somebody below whom is mapped',
      wish: { names: id('acme.example', '/agent/ci-1/x') },
      code: 'partner_unmapped',
    },
    {
      title: 'an admin of its own',
      wish: { names: id('acme.example', '/admin/operator') },
      code: 'partner_unmapped',
    },
  ];
  for (const { title, wish, code } of attacks) {
    test(`refuses a certificate of a partner that names ${title}`, async () => {
      const before = reached();
      const answer = await knock(acme.issue(wish));
      if (code === null) assert.equal(answer.status, null, answer.body);
      else
        assert.equal(
          (JSON.parse(answer.body) as { error?: { data?: { code?: string } } }).error?.data?.code,
          code,
          answer.body,
        );
      assert.equal(reached(), before);
    });
  }

  test('refuses our trust domain by an intermediate of a partner, which has a permission of its own', async () => {
    const more = 'nameConstraints=critical,permitted;URI:example.internal,permitted;URI:acme.example';
    acme.intermediate('greedy', { more });
    assert.equal((await knock(acme.issue({ by: 'greedy', names: id('acme.example') }))).status, 200);
    const greedy = await knock(acme.issue({ by: 'greedy', names: id('example.internal', '/agent/ci-bot') }));
    assert.equal(greedy.status, null, greedy.body);
  });

  test('our own agents are let in as before, beside partners', async () => {
    assert.equal((await knock(await town.issue('ci-bot'))).status, 200);
  });

  test('a partner gets nothing of the authority: neither renewal nor administration nor the feed', async () => {
    const shown = { ca, ...acme.issue({ names: id('acme.example', '/admin/operator') }) };
    for (const path of ['/v1/enrol/renew', '/v1/admin/agent.list', '/v1/feed']) {
      const answer = await rawInitialize(`${town.authorityUrl}${path}`, shown);
      assert.notEqual(answer.status, 200, path);
    }
  });

  test('a partner that goes takes its streams with it within a second, and no handshake lets it in again', async (context) => {
    const shown = { ca, ...acme.issue({ names: id('acme.example') }) };
    const mine = await town.issue('ci-bot');
    const [session, ours] = [
      await openRawSession(town.endpoint('old'), shown),
      await openRawSession(town.endpoint('old'), mine),
    ];
    assert.equal((await session.ping()).status, 200);
    const began = performance.now();
    const cut = session.streamCut.then(() => performance.now() - began);
    await town.deployment.authority.partners.remove('acme', 'test');
    while ((await session.ping()).status === 200) assert.ok(performance.now() - began < 5_000);
    const [refusal, ended] = [performance.now() - began, await cut];
    context.diagnostic(`refusal ${refusal.toFixed(0)} ms, stream ${ended.toFixed(0)} ms`);
    assert.ok(refusal < 1_000 && ended < 1_000);
    assert.equal((await knock(shown)).status, null);
    assert.equal((await ours.ping()).status, 200);
    session.close();
    ours.close();
  });

  test('an authority that leaves the bundle of a partner takes the connections with it that it may have vouched for', async () => {
    await addPartner('acme', acme);
    const session = await openRawSession(town.endpoint('old'), {
      ca,
      ...acme.issue({ names: id('acme.example') }),
    });
    using next = partnerPki('acme next');
    await addPartner('acme', next, { replace: true });
    await session.streamCut;
    assert.equal((await knock(acme.issue({ names: id('acme.example') }))).status, null);
    assert.equal((await knock(next.issue({ names: id('acme.example') }))).status, 200);
    session.close();
  });
});
