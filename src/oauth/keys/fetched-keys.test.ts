import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Exchange, Listener } from '../../http/exchange.ts';
import { listen } from '../../http/listen.ts';
import { createFixtureAuthority, fixtureMaterial } from '../../http/tls.fixture.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { TokenIssuer } from '../resource/token-rules.ts';
import { FetchedKeys } from './fetched-keys.ts';
import { testKey } from './key.fixture.ts';

const authority = createFixtureAuthority('Issuers Root');
const set = { keys: [testKey('one').jwk] };
const limits = { connectMilliseconds: 1_000, totalMilliseconds: 2_000, bodyBytes: 64 * 1024 };

/** A server of an issuer on loopback, and the paths that it was asked for. */
async function place(
  handle: (exchange: Exchange) => Promise<void>,
): Promise<{ readonly listener: Listener; readonly asked: string[] }> {
  const asked: string[] = [];
  const listener = await listen({
    name: 'issuer',
    host: '127.0.0.1',
    port: 0,
    tls: { material: fixtureMaterial(authority), clientCertificate: 'never', minimumVersion: 'TLSv1.3' },
    hosts: [],
    origins: [],
    handle: async (exchange) => {
      asked.push(exchange.path);
      await handle(exchange);
    },
    clock: systemClock,
  });
  return { listener, asked };
}

function issuerAt(
  url: string,
  changes: Partial<Extract<TokenIssuer['keys'], { kind: 'place' }>> = {},
): TokenIssuer {
  const keys = {
    kind: 'place' as const,
    place: { url, discover: false },
    authorities: authority.certificate,
    privateAddresses: true,
    ...changes,
  };
  return {
    name: 'sso',
    issuer: url,
    keys,
    type: 'at+jwt',
    algorithms: new Set(['ES256']),
    audience: 'exact',
    longestLife: 3_600_000,
    personAt: '/sub',
    personPrefix: 'sso:',
    scopeRules: [],
    pairs: [],
  };
}

const unavailable = { name: 'Fault', code: 'unavailable' };
const json = { 'content-type': 'application/json' };

describe('O1 the keys of an issuer over the network', () => {
  test('are had once for all who ask, and go on being the same object', async () => {
    const { listener, asked } = await place((exchange) => exchange.respond(200, json, JSON.stringify(set)));
    await using _listener = listener;
    await using keys = new FetchedKeys(systemClock, limits);
    const issuer = issuerAt(`${listener.url}/keys`);
    const [first, second] = await Promise.all([keys.keysOf(issuer, 'one'), keys.keysOf(issuer, 'one')]);
    assert.equal(first, second);
    assert.equal(keys.keysOf(issuer, 'one'), first, 'at once');
    // The rules were read again, and nothing about this issuer changed.
    const again = issuerAt(`${listener.url}/keys`);
    keys.keep([again]);
    assert.equal(keys.keysOf(again, 'one'), first);
    assert.deepEqual(asked, ['/keys']);
    keys.keep([]);
    await keys.keysOf(again, 'one');
    assert.equal(asked.length, 2, 'an issuer that was taken away is forgotten');
  });

  test('RFC 7517 a flood of tokens with made-up key ids makes one question', async () => {
    const { listener, asked } = await place((exchange) => exchange.respond(200, json, JSON.stringify(set)));
    await using _listener = listener;
    await using keys = new FetchedKeys(systemClock, limits);
    const issuer = issuerAt(`${listener.url}/keys`);
    await keys.keysOf(issuer, 'one');
    for (let flood = 0; flood < 200; flood++) await keys.keysOf(issuer, `made-up-${flood}`);
    assert.equal(asked.length, 1);
  });

  test('RFC 9728 §7.7 are not sought at addresses that are not public, however they are written, unless that is allowed', async () => {
    const { listener, asked } = await place((exchange) => exchange.respond(200, json, JSON.stringify(set)));
    await using _listener = listener;
    const hosts = [
      '127.0.0.1',
      'localhost',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '2130706433',
      '0x7f.1',
      '169.254.169.254',
      '10.0.0.1',
    ];
    for (const host of hosts) {
      await using keys = new FetchedKeys(systemClock, limits);
      const issuer = issuerAt(`https://${host}:${listener.port}/keys`, { privateAddresses: false });
      await assert.rejects(async () => await keys.keysOf(issuer, 'one'), unavailable, host);
    }
    assert.deepEqual(asked, []);
    assert.deepEqual([...listener.connections()], []);
  });

  test('RFC 9110 §15.4 a redirect, an endless answer, a silent server, another authority and a lie lead nowhere', async () => {
    const answers: Readonly<Record<string, (exchange: Exchange) => Promise<void>>> = {
      '/redirect': (exchange) => exchange.respond(302, { location: '/keys' }),
      '/huge': (exchange) => exchange.respond(200, json, JSON.stringify({ ...set, pad: 'x'.repeat(70_000) })),
      '/silent': () => new Promise((resolve) => setTimeout(resolve, 600)),
      '/text': (exchange) => exchange.respond(200, json, 'keys'),
      '/twice': (exchange) => exchange.respond(200, json, '{"keys":[],"keys":[]}'),
      '/many': (exchange) =>
        exchange.respond(200, json, JSON.stringify({ keys: Array.from({ length: 65 }, () => ({})) })),
      '/error': (exchange) => exchange.respond(500, json, JSON.stringify(set)),
      '/keys': (exchange) => exchange.respond(200, json, JSON.stringify(set)),
    };
    const { listener, asked } = await place(async (exchange) => await answers[exchange.path]?.(exchange));
    await using _listener = listener;
    for (const path of Object.keys(answers)) {
      if (path === '/keys') continue;
      await using keys = new FetchedKeys(systemClock, limits);
      await assert.rejects(
        async () => await keys.keysOf(issuerAt(`${listener.url}${path}`), 'one'),
        unavailable,
        path,
      );
    }
    assert.ok(!asked.includes('/keys'), 'nobody followed the redirect');
    await using keys = new FetchedKeys(systemClock, limits);
    const stranger = createFixtureAuthority('Other Root').certificate;
    const misled = issuerAt(`${listener.url}/keys`, { authorities: stranger });
    await assert.rejects(async () => await keys.keysOf(misled, 'one'), unavailable);
    assert.ok(await keys.keysOf(issuerAt(`${listener.url}/keys`), 'one'));
  });
});
