import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { readServerDefinition } from '../../src/upstream/server-definition.ts';
import { openRawSession, type RawSession, rawInitialize } from '../../tour/raw-request.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { openSecondGateway, type SecondGateway } from './second-gateway.ts';

interface Place extends AsyncDisposable {
  readonly town: Town;
  readonly second: SecondGateway;
  readonly shown: Presentable;
  readonly session: RawSession;
  /** Whether the live stream of the session has ended. */
  readonly cut: () => boolean;
}

/** An agent with an open session and a live stream at a gateway that can be moved about. */
async function open(settings: Record<string, number> = {}): Promise<Place> {
  await using opened = new AsyncDisposableStack();
  const old = opened.use(await openLegacyServer());
  const town = opened.use(await openTown());
  await town.addHttpServer('old', old.url);
  await town.addHttpServer('other', old.url);
  await town.addAgent('ci-bot');
  await town.addAgent('other-bot');
  await town.permit('permit (principal, action, resource);');
  const shown = await town.issue('ci-bot');
  const second = opened.use(await openSecondGateway(town, settings));
  const session = await openRawSession(second.endpoint('old'), shown);
  opened.defer(() => session.close());
  let ended = false;
  const end = async (): Promise<void> => {
    await session.streamCut;
    ended = true;
  };
  void end();
  const held = opened.move();
  return {
    town,
    second,
    shown,
    session,
    cut: () => ended,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The serial of the certificate that a new handshake is shown. */
async function shownSerial(port: number, shown: Presentable): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...shown });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('A2 T1 policies, roles, servers, certificate and trust change without dropping a connection', async () => {
  await using place = await open();
  const { town, second, shown, session, cut } = place;
  const { authority } = town.deployment;
  const ids = (): string => [...second.gateway.agents.connections()].map(({ id }) => id).join();
  assert.equal((await session.ping()).status, 200);
  const before = ids();
  const stays = async (what: string): Promise<void> => {
    assert.equal((await session.ping()).status, 200, what);
    assert.equal(ids(), before, `the connections are the same after ${what}`);
    assert.equal(cut(), false, `the live stream goes on after ${what}`);
  };

  await town.permit('@id("all") permit (principal, action, resource);');
  await until(() => second.gateway.view.policies().version === town.gateway.view.policies().version);
  await stays('other policies');
  await authority.changeAgentRoles('other-bot', ['writer']);
  await authority.changeAgentState('other-bot', 'suspended', 'test');
  await until(() => second.gateway.view.identity.agent('other-bot')?.state === 'suspended');
  await stays('another agent losing its right');
  await town.addHttpServer('new', 'http://127.0.0.1:9/mcp');
  await until(() => second.gateway.view.servers().has('new'));
  await stays('a new server');
  const replaced = {
    name: 'other',
    transport: 'http',
    url: 'http://127.0.0.1:9/mcp',
    tools: 'unpinned',
  } as const;
  await authority.putServer(readServerDefinition(replaced), true);
  await authority.removeServer('new');
  await until(() => !second.gateway.view.servers().has('new'));
  await stays('a server replaced and one removed');

  const { port } = second.gateway.agents;
  const first = await shownSerial(port, shown);
  const partner = createFixtureAuthority('Partner Root');
  const stranger = partner.issue({ commonName: 'ci-bot', purpose: 'client' });
  const foreign = { ca: shown.ca, cert: stranger.certificate, key: stranger.key };
  assert.equal((await rawInitialize(second.endpoint('old'), foreign)).status, null);
  await second.renew(partner.certificate);
  assert.notEqual(await shownSerial(port, shown), first);
  // The handshake takes it now; that it is nobody's certificate here is found out after.
  assert.equal((await rawInitialize(second.endpoint('old'), foreign)).status, 403);
  await stays('a new certificate and one more root');
  await second.renew();
  assert.equal((await rawInitialize(second.endpoint('old'), foreign)).status, null);
  await stays('a root withdrawn');
});

test('T1 a certificate that ends while its connection is open is refused on the next request and its stream is cut', async () => {
  await using place = await open();
  const { second, session, cut } = place;
  assert.equal((await session.ping()).status, 200);
  second.shift(2 * 3_600_000);
  const refused = await session.ping();
  assert.ok(refused.status === null || /certificate_expired/.test(refused.body), refused.body);
  await until(cut);
});

test('I7 a gateway that does not hear from its authority refuses, and goes on when it hears again (trap: revocation store down means allow)', async () => {
  await using place = await open({ stalenessMilliseconds: 1_500 });
  const { second, shown, session, cut } = place;
  assert.equal((await session.ping()).status, 200);
  second.hears(false);
  await until(cut);
  const silent = await rawInitialize(second.endpoint('old'), shown);
  assert.equal(silent.status, 503);
  assert.match(silent.body, /view_stale/);
  second.hears(true);
  await until(() => second.gateway.view.identity.fresh(0));
  assert.equal((await rawInitialize(second.endpoint('old'), shown)).status, 200);
});
