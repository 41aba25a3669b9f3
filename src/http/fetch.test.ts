import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import type { Fault } from '../kernel/fault.ts';
import { type ClientOptions, createClient } from './fetch.ts';
import type { Listener } from './exchange.ts';
import { listen } from './listen.ts';
import { createFixtureAuthority, fixtureMaterial } from './tls.fixture.ts';

const authority = createFixtureAuthority('Test Root');
const stranger = createFixtureAuthority('Other Root');

async function serve(handle: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function secure(): Promise<Listener> {
  return listen({
    name: 'test',
    host: '127.0.0.1',
    port: 0,
    tls: { material: fixtureMaterial(authority), clientCertificate: 'required', minimumVersion: 'TLSv1.3' },
    hosts: [],
    origins: [],
    handle: async (exchange) => {
      const body = await exchange.body({ bytes: 100, milliseconds: 1000 });
      await exchange.respond(200, {}, JSON.stringify({ body: Buffer.from(body).toString() }));
    },
    clock: systemClock,
  });
}

function client(options: Partial<ClientOptions> = {}): ReturnType<typeof createClient> {
  return createClient({ addressGuard: 'any', ...options });
}

test('asks over mutual TLS and reads the answer', async () => {
  await using listener = await secure();
  const own = authority.issue({ commonName: 'ci-bot', purpose: 'client' });
  await using asking = client({ tls: { ...own, authorities: authority.certificate } });
  const answer = await asking.request({ method: 'POST', url: listener.url, body: 'hi' });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json(), { body: 'hi' });
});

test('tells an untrusted peer, a peer of another name and a peer that does not want us apart', async () => {
  await using listener = await secure();
  const own = authority.issue({ commonName: 'ci-bot', purpose: 'client' });
  const request = { method: 'GET', url: listener.url };
  await using doubting = client({ tls: { ...own, authorities: stranger.certificate } });
  await assert.rejects(doubting.request(request), { code: 'gateway_untrusted' });
  const named = { ...own, authorities: authority.certificate, serverName: 'other.example' };
  await using misled = client({ tls: named });
  await assert.rejects(misled.request(request), { code: 'gateway_untrusted' });
  await using nobody = client({ tls: { authorities: authority.certificate } });
  await assert.rejects(nobody.request(request), (fault: Fault) => {
    return (
      ['identity_refused', 'unavailable'].includes(fault.code) && fault.message.includes('our certificate')
    );
  });
});

test('law 8 a name that resolves to one private address among public ones is not connected to', async () => {
  let connected = false;
  await using server = await serve((_request, response) => {
    connected = true;
    response.end();
  });
  const lookup: LookupFunction = (_name, _options, callback) => {
    callback(null, [
      { address: '93.184.216.34', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]);
  };
  await using guarded = client({ addressGuard: 'public-only', lookup });
  const url = server.url.replace('127.0.0.1', 'rebind.example');
  await assert.rejects(guarded.request({ method: 'GET', url }), { code: 'address_refused' });
  assert.equal(connected, false);
});

test('law 8 refuses literal private addresses in every notation a URL allows', async () => {
  await using guarded = client({ addressGuard: 'public-only' });
  const hosts = [
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '[::1]',
    '[::ffff:7f00:1]',
    '169.254.169.254',
    '[fd00::1]',
  ];
  for (const host of hosts) {
    await assert.rejects(
      guarded.request({ method: 'GET', url: `http://${host}:1/` }),
      { code: 'address_refused' },
      host,
    );
  }
});

test('resolves a name once and connects to what was checked', async () => {
  await using server = await serve((_request, response) => response.end('here'));
  let asked = 0;
  const lookup: LookupFunction = (_name, _options, callback) => {
    asked += 1;
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  };
  await using asking = client({ lookup });
  const url = server.url.replace('127.0.0.1', 'pinned.example');
  assert.equal(Buffer.from((await asking.request({ method: 'GET', url })).body).toString(), 'here');
  assert.equal(asked, 1);
});

test('never follows a redirect and never speaks anything but HTTP', async () => {
  await using server = await serve((_request, response) => response.writeHead(302, { location: '/x' }).end());
  await using asking = client();
  assert.equal((await asking.request({ method: 'GET', url: server.url })).status, 302);
  for (const url of ['file:///etc/passwd', 'ftp://x/', 'nonsense', 'http://user:word@127.0.0.1/']) {
    await assert.rejects(asking.request({ method: 'GET', url }), { code: 'invalid_input' });
  }
});

test('stops reading an answer that is too large, and one that takes too long', async () => {
  await using server = await serve((request, response) => {
    if (request.url === '/large') response.end(Buffer.alloc(5000));
    else response.write('never ends');
  });
  await using asking = client({ limits: { bodyBytes: 4999, totalMilliseconds: 200 } });
  await assert.rejects(asking.request({ method: 'GET', url: `${server.url}/large` }), { code: 'too_large' });
  await assert.rejects(asking.request({ method: 'GET', url: server.url }), { code: 'timed_out' });
});

test('says that nothing listens', async () => {
  const gone = await serve(() => undefined);
  await gone[Symbol.asyncDispose]();
  await using asking = client();
  await assert.rejects(asking.request({ method: 'GET', url: gone.url }), { code: 'unavailable' });
});

test('a stream is handed on piece by piece, and leaving it ends the exchange', async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  await using server = await serve((_request, response) => {
    response.on('close', () => resolve());
    response.write('one');
  });
  await using asking = client();
  const { chunks } = await asking.request({ method: 'GET', url: server.url, stream: true });
  for await (const chunk of chunks) {
    assert.equal(Buffer.from(chunk).toString(), 'one');
    break;
  }
  await ended;
});

test('the reason of an aborted signal is what the request throws', async () => {
  await using server = await serve(() => undefined);
  await using asking = client();
  const leaving = new AbortController();
  const pending = asking.request({ method: 'GET', url: server.url, signal: leaving.signal });
  leaving.abort(new Error('gone home'));
  await assert.rejects(pending, /gone home/);
});
