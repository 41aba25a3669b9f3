import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent as PlainAgent, request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { Exchange, Listener, TlsMaterial } from './exchange.ts';
import type { HttpEngine } from './http-engine.ts';
import { listen, type ListenOptions, type Refusal } from './listen.ts';
import { createFixtureAuthority, fixtureMaterial } from './tls.fixture.ts';

const authority = createFixtureAuthority('Test Root');
const stranger = createFixtureAuthority('Other Root');
const agent = authority.issue({ commonName: 'ci-bot', purpose: 'client' });

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

async function ask(url: string, options: RequestOptions & { body?: string } = {}): Promise<Answer> {
  const { body, ...rest } = options;
  const make = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = make(url, { agent: false, ca: authority.certificate, servername: 'localhost', ...rest });
    request.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.end(body);
  });
}

async function raw(listener: Listener, text: string): Promise<string> {
  const socket = connectPlain(listener.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

const echo = async (exchange: Exchange): Promise<void> => {
  const body = await exchange.body({ bytes: 1000, milliseconds: 5000 });
  const { method, path } = exchange;
  const seen = { method, path, x: exchange.query.get('x'), body: Buffer.from(body).toString() };
  await exchange.respond(200, { 'content-type': 'application/json' }, JSON.stringify(seen));
};

async function openListener(
  options: Partial<ListenOptions>,
): Promise<Listener & { readonly refusals: Refusal[] }> {
  const refusals: Refusal[] = [];
  const listener = await listen({
    name: 'test',
    host: '127.0.0.1',
    port: 0,
    tls: null,
    hosts: [],
    origins: [],
    handle: echo,
    onRefused: (refusal) => refusals.push(refusal),
    clock: systemClock,
    ...options,
  });
  return Object.assign(listener, { refusals });
}

function tls(clientCertificate: 'required' | 'optional' | 'never'): NonNullable<ListenOptions['tls']> {
  return { material: fixtureMaterial(authority), clientCertificate, minimumVersion: 'TLSv1.3' };
}

for (const engine of ['wire', 'node'] as const)
  describe(`a listener with the ${engine} engine`, () => specify(engine));

function specify(engine: HttpEngine): void {
  const open = (options: Partial<ListenOptions> = {}): ReturnType<typeof openListener> =>
    openListener({ engine, ...options });

  test('hands method, path, query and body to the handler', async () => {
    await using listener = await open();
    const answer = await ask(`${listener.url}/a/b?x=1`, { method: 'POST', body: 'hello' });
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text), { method: 'POST', path: '/a/b', x: '1', body: 'hello' });
  });

  test('I1 hands on the DER of a verified client certificate and refuses a peer without one', async () => {
    let der: Uint8Array | null = null;
    await using listener = await open({
      tls: tls('required'),
      handle: async (exchange) => {
        der = exchange.connection.certificate;
        await exchange.respond(204, {});
      },
    });
    const url = listener.url;
    assert.equal((await ask(url, { cert: agent.certificate, key: agent.key })).status, 204);
    assert.equal(
      Buffer.from(der ?? []).toString('base64'),
      agent.certificate.replace(/-----[^-]+-----|\n/g, ''),
    );
    await assert.rejects(ask(url));
    assert.match(listener.refusals[0]?.reason ?? '', /no client certificate/);
    assert.equal(listener.refusals[0]?.stage, 'tls');
  });

  test('I1 refuses a client certificate of another authority, an expired one and a server certificate', async () => {
    await using listener = await open({ tls: tls('required') });
    const other = stranger.issue({ commonName: 'ci-bot', purpose: 'client' });
    const past = authority.issue({ commonName: 'ci-bot', purpose: 'client', notAfter: Date.UTC(2021, 0, 1) });
    const wrong = authority.issue({ commonName: 'ci-bot', purpose: 'server' });
    for (const { certificate, key } of [other, past, wrong]) {
      await assert.rejects(ask(listener.url, { cert: certificate, key }));
    }
    const reasons = listener.refusals.map((refusal) => refusal.reason);
    assert.equal(reasons.length, 3);
    assert.match(reasons[0] ?? '', /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|SELF_SIGNED/);
    assert.match(reasons[1] ?? '', /CERT_HAS_EXPIRED/);
    assert.match(reasons[2] ?? '', /INVALID_PURPOSE/);
  });

  test('an optional certificate may be absent, but one that does not verify is refused and not ignored', async () => {
    await using listener = await open({ tls: tls('optional') });
    assert.equal((await ask(listener.url)).status, 200);
    const other = stranger.issue({ commonName: 'ci-bot', purpose: 'client' });
    const refused = await ask(listener.url, { cert: other.certificate, key: other.key });
    assert.equal(refused.status, 403);
    assert.equal(JSON.parse(refused.text).code, 'identity_refused');
    assert.ok(listener.refusals.some((refusal) => refusal.stage === 'tls'));
  });

  test('refuses to open plain HTTP beyond loopback, and to ask for certificates while trusting nobody', async () => {
    await assert.rejects(open({ host: '0.0.0.0' }), { code: 'config_invalid' });
    const untrusting = {
      ...tls('required'),
      material: { ...fixtureMaterial(authority), clientAuthorities: ' ' },
    };
    await assert.rejects(open({ tls: untrusting }), { code: 'config_invalid' });
  });

  test('says which port is taken', async () => {
    await using listener = await open();
    await assert.rejects(open({ port: listener.port }), (fault: Fault) => {
      return fault.code === 'port_taken' && fault.message.includes(`127.0.0.1:${listener.port}`);
    });
  });

  test('TLS 1.2 is refused unless chosen', async () => {
    await using listener = await open({ tls: tls('never') });
    await assert.rejects(ask(listener.url, { maxVersion: 'TLSv1.2' }));
    await using older = await open({ tls: { ...tls('never'), minimumVersion: 'TLSv1.2' } });
    assert.equal((await ask(older.url, { maxVersion: 'TLSv1.2' })).status, 200);
  });

  test('a TLS 1.2 connection is not renegotiated: no certificate takes the place of the one that was looked at', async () => {
    await using listener = await open({ tls: { ...tls('required'), minimumVersion: 'TLSv1.2' } });
    const { certificate: cert, key } = agent;
    const trust = { ca: authority.certificate, servername: 'localhost', maxVersion: 'TLSv1.2' } as const;
    const socket = connectTls({ host: '127.0.0.1', port: listener.port, cert, key, ...trust });
    await once(socket, 'secureConnect');
    const refused = await new Promise<unknown>((resolve) => {
      socket.on('error', resolve);
      socket.renegotiate({}, resolve);
    });
    assert.match(String(refused), /renegotiation/i);
    socket.destroy();
  });

  test('prefers the hybrid key exchange and never resumes a session', async () => {
    await using listener = await open({ tls: { ...tls('required'), minimumVersion: 'TLSv1.2' } });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      let session: Buffer | undefined;
      for (let round = 0; round < 2; round++) {
        const socket = connectTls({
          host: '127.0.0.1',
          port: listener.port,
          ca: authority.certificate,
          cert: agent.certificate,
          key: agent.key,
          servername: 'localhost',
          maxVersion,
          ...(session ? { session } : {}),
        });
        socket.on('session', (given) => {
          session = given;
        });
        await once(socket, 'secureConnect');
        socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
        socket.resume();
        const reused = socket.isSessionReused();
        await once(socket, 'close');
        assert.equal(reused, false, `${maxVersion} round ${round}`);
      }
    }
  });

  test('refuses a Host that is not on the list with 421 and an Origin that is not with 403', async () => {
    await using listener = await open({
      hosts: ['gateway.example.internal'],
      origins: ['https://ok.example'],
    });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await ask(listener.url, { headers })).status;
    assert.equal(await status({ host: 'evil.example' }), 421);
    assert.equal(await status({ host: 'GATEWAY.example.internal:9' }), 200);
    assert.equal(await status({ host: '[::1]:80' }), 200);
    assert.equal(await status({ host: 'localhost@evil' }), 421);
    assert.equal(await status({ origin: 'https://evil.example' }), 403);
    assert.equal(await status({ origin: 'null' }), 403);
    assert.equal(await status({ origin: 'https://ok.example' }), 200);
  });

  test("lets the listener's own pages in, and nobody who only resembles them", async () => {
    await using listener = await open();
    const { host, protocol } = new URL(listener.url);
    const other = protocol === 'http:' ? 'https:' : 'http:';
    const status = async (origin: string, named = host): Promise<number> =>
      (await ask(listener.url, { headers: { host: named, origin } })).status;
    assert.equal(await status(`${protocol}//${host}`), 200);
    assert.equal(await status(`${protocol}//localhost:9`, 'LOCALHOST:9'), 200);
    assert.equal(await status(`${other}//${host}`), 403, 'another scheme');
    assert.equal(await status(`${protocol}//localhost:9`, 'localhost:10'), 403, 'another port');
    assert.equal(await status(`${protocol}//localhost`, '127.0.0.1'), 403, 'another name');
    assert.equal(await status(`${protocol}//evil.example`, 'evil.example'), 421, 'DNS rebinding');
  });

  test('refuses every way to say one thing twice', async () => {
    await using listener = await open();
    const twice = {
      host: ['localhost', 'localhost'],
      authorization: ['Bearer a', 'Bearer b'],
      'content-type': ['a/b', 'c/d'],
      origin: ['https://a', 'https://b'],
      'mcp-session-id': ['a', 'b'],
      'mcp-name': ['a', 'b'],
    };
    for (const [name, [first, second]] of Object.entries(twice)) {
      const host = name === 'host' ? '' : 'Host: localhost\r\n';
      const answer = await raw(
        listener,
        `GET / HTTP/1.1\r\n${host}${name}: ${first}\r\n${name}: ${second}\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 /, name);
    }
    const bodies = [
      'Content-Length: 3\r\nTransfer-Encoding: chunked',
      'Content-Length: 3\r\nContent-Length: 4',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
    ];
    for (const lines of bodies) {
      const answer = await raw(listener, `POST / HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n0\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 400 /, lines);
    }
  });

  test('refuses what is not strict HTTP/1.1, with a reason', async () => {
    await using listener = await open();
    const heads = [
      'GET / HTTP/1.1\nHost: localhost\n\n',
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n',
      'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      'nonsense\r\n\r\n',
    ];
    for (const head of heads) assert.match(await raw(listener, head), /^HTTP\/1\.1 400 /, head);
    const large = `GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`;
    assert.match(await raw(listener, large), /^HTTP\/1\.1 431 /);
    assert.ok(listener.refusals.length >= heads.length);
  });

  test('a body over the limit is refused while it streams, and the peer gets to read why', async () => {
    let seen: unknown = null;
    await using listener = await open({
      handle: async (exchange) => {
        try {
          await echo(exchange);
        } catch (error) {
          seen = error;
          throw error;
        }
      },
    });
    const answer = new Promise<number>((resolve, reject) => {
      const request = httpRequest(listener.url, { method: 'POST', agent: false });
      let open = true;
      const push = (): void => {
        if (open) request.write(Buffer.alloc(65_536), () => setImmediate(push));
      };
      request.on('response', (response) => {
        open = false;
        resolve(response.statusCode ?? 0);
        request.destroy();
      });
      request.on('error', (error) => (open ? reject(error) : undefined));
      push();
    });
    assert.equal(await answer, 413);
    assert.equal(seen instanceof Fault && seen.code, 'too_large');
    const declared = await raw(
      listener,
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n',
    );
    assert.match(declared, /^HTTP\/1\.1 413 /);
  });

  test('a body that never ends is given up after its time', async () => {
    await using listener = await open({
      handle: async (exchange) => void (await exchange.body({ bytes: 10, milliseconds: 20 })),
    });
    const answer = await raw(listener, 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab');
    assert.match(answer, /^HTTP\/1\.1 408 /);
  });

  test('an error in a handler is a 500 that says nothing about it', async () => {
    const errors: unknown[] = [];
    await using listener = await open({
      handle: () => Promise.reject(new Error('secret detail')),
      onError: (error) => errors.push(error),
    });
    const answer = await ask(listener.url);
    assert.equal(answer.status, 500);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(JSON.parse(answer.text).code, 'internal');
    assert.ok(!answer.text.includes('secret detail'));
    assert.equal((errors[0] as Error).message, 'secret detail');
  });

  test('an exchange learns that its peer went away', async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    await using listener = await open({
      handle: async (exchange) => {
        exchange.closed.addEventListener('abort', () => resolve());
        exchange.stream(200, { 'content-type': 'text/event-stream' });
        start();
        await gone;
      },
    });
    const request = httpRequest(listener.url, { agent: false }).on('error', () => undefined);
    request.end();
    await started;
    request.destroy();
    await gone;
  });

  test('cutting a connection ends its live stream and its exchanges', async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    await using listener = await open({
      tls: tls('required'),
      handle: async (exchange) => {
        exchange.closed.addEventListener('abort', () => resolve());
        const stream = exchange.stream(200, { 'content-type': 'text/event-stream' });
        await stream.write('data: 1\n\n');
        await aborted;
        await assert.rejects(stream.write('data: 2\n\n'), { code: 'unavailable' });
      },
    });
    const request = httpsRequest(listener.url, {
      agent: false,
      ca: authority.certificate,
      cert: agent.certificate,
      key: agent.key,
      servername: 'localhost',
    });
    request.end();
    const [response] = await once(request, 'response');
    await once(response, 'data');
    for (const connection of listener.connections()) connection.cut();
    await aborted;
    await assert.rejects(once(response, 'end'));
  });

  test('new TLS material serves new handshakes and leaves open connections alone', async () => {
    await using listener = await open({ tls: tls('required') });
    const keepAlive = new Agent({ keepAlive: true, maxSockets: 1 });
    const own = { cert: agent.certificate, key: agent.key };
    const first = await ask(listener.url, { agent: keepAlive, ...own });
    assert.equal(first.status, 200);
    const [before] = [...listener.connections()];
    listener.replaceTls({ ...fixtureMaterial(stranger), clientAuthorities: stranger.certificate });
    assert.throws(() => listener.replaceTls({ certificate: 'x', key: 'y', clientAuthorities: 'z' }), {
      code: 'config_invalid',
    });
    assert.equal((await ask(listener.url, { agent: keepAlive, ...own })).status, 200);
    assert.equal([...listener.connections()][0], before);
    keepAlive.destroy();
    const newcomer = stranger.issue({ commonName: 'ci-bot', purpose: 'client' });
    const now = { ca: stranger.certificate, cert: newcomer.certificate, key: newcomer.key };
    assert.equal((await ask(listener.url, now)).status, 200);
    await assert.rejects(ask(listener.url, own));
  });

  test('I11 a handshake that began before the material was replaced carries the partners that it began with', async () => {
    const of = (name: string): NonNullable<TlsMaterial['partners']> => new Map([[name, ['an authority']]]);
    const own = { ca: authority.certificate, cert: agent.certificate, key: agent.key };
    const seen: (TlsMaterial['partners'] | null)[] = [];
    const material = fixtureMaterial(authority);
    await using listener = await open({
      tls: { ...tls('required'), material: { ...material, partners: of('before') } },
      handle: async (exchange) => {
        seen.push(exchange.connection.partners ?? null);
        await exchange.respond(200, {});
      },
    });
    const early = connectPlain(listener.port, '127.0.0.1');
    await once(early, 'connect');
    // Accepted in the order of coming: when this is answered, the other has begun.
    await ask(listener.url, own);
    listener.replaceTls({ ...material, partners: of('after') });
    await ask(listener.url, own);
    listener.replaceTls(material);
    await ask(listener.url, own);
    const late = connectTls({ socket: early, servername: 'localhost', ...own });
    late.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    late.resume();
    await once(late, 'close');
    assert.deepEqual(seen, [of('before'), of('after'), null, of('before')]);
  });

  test('a field that is given as a list is sent as one line each (RFC 6265 §3)', async () => {
    await using listener = await open({
      handle: (exchange) =>
        exchange.respond(200, { 'set-cookie': ['a=1; Path=/', 'b=2'], 'x-one': '1' }, 'done'),
    });
    const { headers } = await ask(listener.url);
    assert.deepEqual(headers['set-cookie'], ['a=1; Path=/', 'b=2']);
    assert.equal(headers['x-one'], '1');
  });

  test('closing lets an exchange end, then takes no more', async () => {
    const { promise: proceed, resolve } = Promise.withResolvers<void>();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const listener = await open({
      handle: async (exchange) => {
        start();
        await proceed;
        await exchange.respond(200, {}, 'done');
      },
    });
    const pending = ask(listener.url);
    await started;
    const closing = listener.close(10_000);
    resolve();
    const answer = await pending;
    await closing;
    assert.equal(answer.text, 'done');
    assert.equal(answer.headers['connection'], 'close');
    await assert.rejects(ask(listener.url));
  });

  test('U7 draining answers who still comes, says that each connection ends, and cuts no answer', async () => {
    const proceed = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const listener = await open({
      handle: async (exchange) => {
        if (exchange.path !== '/long') return await exchange.respond(200, {}, 'short');
        const stream = exchange.stream(200, {});
        started.resolve();
        await proceed.promise;
        await stream.write('long');
        await stream.end();
      },
    });
    const agent = new PlainAgent({ keepAlive: true });
    const long = ask(`${listener.url}/long`, { agent });
    await started.promise;
    const order: string[] = [];
    const onAccepted = (): void => void order.push('accepted');
    const drained = listener
      .drain({ acceptMilliseconds: 1_000, graceMilliseconds: 60_000, onAccepted })
      .then(() => order.push('drained'));
    const late = await ask(listener.url);
    assert.deepEqual([late.text, late.headers['connection']], ['short', 'close']);
    while (order.length === 0) await pause(10);
    await assert.rejects(ask(listener.url));
    proceed.resolve();
    assert.equal((await long).text, 'long');
    // Its answer began before: the connection is good for one more.
    const again = await ask(listener.url, { agent });
    assert.deepEqual([again.text, again.headers['connection']], ['short', 'close']);
    await drained;
    assert.deepEqual(order, ['accepted', 'drained']);
    agent.destroy();
  });

  test('closing cuts a stream that outlasts the grace', async () => {
    const listener = await open({
      handle: async (exchange) => {
        exchange.stream(200, {});
        await once(exchange.closed, 'abort');
      },
    });
    const request = httpRequest(listener.url, { agent: false }).on('error', () => undefined);
    request.end();
    const [response] = await once(request, 'response');
    const broken = once(response, 'error');
    response.resume();
    await listener.close(10);
    await broken;
  });

  test('Strict-Transport-Security is sent where asked for, also with errors', async () => {
    await using listener = await open({ hsts: true });
    assert.match(String((await ask(listener.url)).headers['strict-transport-security']), /^max-age=\d+$/);
    const refused = await ask(listener.url, { headers: { host: 'evil.example' } });
    assert.match(String(refused.headers['strict-transport-security']), /^max-age=\d+$/);
  });
}
