import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { request as overTcp } from 'node:http';
import { request as overTls } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Listener } from '../../src/http/exchange.ts';
import { isLoopbackHost } from '../../src/http/host-guard.ts';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { openTown, type Presentable, type Town } from './deployment.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function get(listener: Listener, path: string, shown: Partial<Presentable>, method = 'GET'): Promise<Answer> {
  const make = listener.url.startsWith('https:') ? overTls : overTcp;
  return new Promise((resolve, reject) => {
    const sent = make(`${listener.url}${path}`, { method, agent: false, ...shown }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.once('error', reject).end();
  });
}

async function handshake(listener: Listener, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ port: listener.port, host: '127.0.0.1', servername: 'localhost', ...options });
  await once(socket, 'secureConnect');
  return socket;
}

describe('T1 T6 the five listeners', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let agent: Presentable;
  let foreign: Partial<Presentable> = {};
  let listeners: Record<'agents' | 'authority' | 'people' | 'plain' | 'ops', Listener>;

  before(async () => {
    town = opened.use(await openTown());
    await town.addAgent('ci-bot');
    agent = await town.issue('ci-bot');
    const stranger = createFixtureAuthority('Another Root').issue({
      commonName: 'ci-bot',
      purpose: 'client',
    });
    foreign = { ca: agent.ca, cert: stranger.certificate, key: stranger.key };
    listeners = town.deployment.listeners as typeof listeners;
  });
  after(() => opened.disposeAsync());

  test('all of them are on loopback unless told otherwise', () => {
    assert.deepEqual(Object.keys(listeners).sort(), ['agents', 'authority', 'ops', 'people', 'plain']);
    for (const listener of Object.values(listeners)) assert.ok(isLoopbackHost(listener.host), listener.name);
  });

  test('TLS 1.3, and no older version, on the three that speak TLS', async () => {
    for (const name of ['agents', 'authority', 'people'] as const) {
      const socket = await handshake(listeners[name], agent);
      assert.equal(socket.getProtocol(), 'TLSv1.3', name);
      socket.destroy();
      await assert.rejects(handshake(listeners[name], { ...agent, maxVersion: 'TLSv1.2' }), name);
    }
  });

  test('agents: a certificate is required, and MCP is all there is', async () => {
    await assert.rejects(get(listeners.agents, '/mcp/x', { ca: agent.ca }));
    for (const path of ['/', '/v1/trust', '/healthz', '/metrics', '/ca.pem', '/v1/admin/agent.list']) {
      assert.equal((await get(listeners.agents, path, agent)).status, 404, path);
    }
  });

  test('authority: a certificate is asked for and may be absent; what needs one says so', async () => {
    // A certificate that does not verify is shown because it was asked for, and refused rather than ignored.
    assert.match((await get(listeners.authority, '/v1/trust', foreign)).text, /identity_refused/);
    assert.equal((await get(listeners.authority, '/v1/trust', { ca: agent.ca })).status, 200);
    const feed = await get(listeners.authority, '/v1/feed', { ca: agent.ca });
    assert.equal(feed.status, 401);
    assert.match(feed.text, /certificate_required/);
    // The feed is for gateways; the certificate of an agent is not enough.
    assert.match((await get(listeners.authority, '/v1/feed', agent)).text, /certificate_profile/);
  });

  test('people: no certificate is ever asked for, and browsers are told to stay with TLS', async () => {
    // Whoever has a certificate that would be refused is never asked to show it.
    assert.equal((await get(listeners.people, '/', foreign)).status, 200);
    const page = await get(listeners.people, '/', { ca: agent.ca });
    assert.equal(page.status, 200);
    assert.match(String(page.headers['strict-transport-security']), /max-age=\d{7,}/);
    assert.match(String(page.headers['content-security-policy']), /default-src 'none'/);
    const missing = await get(listeners.people, '/nothing', { ca: agent.ca });
    assert.ok(missing.headers['strict-transport-security'], 'with errors as well');
    assert.equal(listeners.agents.url.startsWith('https:'), true);
    assert.equal((await get(listeners.agents, '/', agent)).headers['strict-transport-security'], undefined);
  });

  test('plain: public certificates over HTTP and nothing else', async () => {
    const roots = await get(listeners.plain, '/ca.pem', {});
    assert.equal(roots.status, 200);
    assert.equal(roots.text, town.deployment.authority.describe().roots);
    for (const path of ['/', '/v1/trust', '/v1/enrol/join-token', '/mcp/x', '/healthz']) {
      assert.equal((await get(listeners.plain, path, {})).status, 404, path);
      assert.equal((await get(listeners.plain, path, {}, 'POST')).status, 404, path);
    }
  });

  test('ops: health, readiness and metrics, to be read only', async () => {
    assert.equal((await get(listeners.ops, '/healthz', {})).status, 200);
    assert.equal((await get(listeners.ops, '/readyz', {})).status, 200);
    assert.match((await get(listeners.ops, '/metrics', {})).text, /^countersign_live_calls \d/m);
    assert.equal((await get(listeners.ops, '/metrics', {}, 'POST')).status, 405);
    assert.equal((await get(listeners.ops, '/ca.pem', {})).status, 404);
  });

  test('plain HTTP on a port that speaks TLS is ended without an answer that could be taken for one', async () => {
    for (const name of ['agents', 'authority', 'people'] as const) {
      const socket = connectTcp(listeners[name].port, '127.0.0.1');
      socket.on('error', () => undefined);
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await once(socket, 'close');
      assert.doesNotMatch(text, /^HTTP/, name);
    }
  });
});

test('I7 the plain listener is open to the network once a public URL is set, and no other plain listener is', async () => {
  // An address of this machine alone, which does not look like one.
  const elsewhere = '::ffff:127.0.0.1';
  const authority = { publicUrl: 'http://pki.example.internal' };
  await assert.rejects(openTown({}, { on: { plain: elsewhere } }), { code: 'config_invalid' });
  await assert.rejects(openTown({}, { authority, on: { ops: elsewhere } }), { code: 'config_invalid' });
  await using town = await openTown({}, { authority, on: { plain: elsewhere } });
  const { plain } = town.deployment.listeners;
  assert.ok(plain);
  const named = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { host: 'pki.example.internal' };
    overTcp({ host: '127.0.0.1', port: plain.port, path: '/ca.pem', agent: false, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
  assert.equal(named, 200);
});
