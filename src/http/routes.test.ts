import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import type { Listener } from './exchange.ts';
import { listen } from './listen.ts';
import { createRoutes } from './routes.ts';

function open(): Promise<Listener> {
  const handle = createRoutes([
    {
      method: 'GET',
      path: '/v1/agents/:name',
      handle: async (exchange, { name }) => exchange.respond(200, {}, `one ${name}`),
    },
    { method: 'DELETE', path: '/v1/agents/:name', handle: async (exchange) => exchange.respond(204, {}) },
    {
      method: 'GET',
      path: '/files/*',
      handle: async (exchange, rest) => exchange.respond(200, {}, rest['*']),
    },
    { method: 'GET', path: '/', handle: async (exchange) => exchange.respond(200, {}, 'home') },
  ]);
  return listen({
    name: 'test',
    host: '127.0.0.1',
    port: 0,
    tls: null,
    hosts: [],
    origins: [],
    handle,
    clock: systemClock,
  });
}

test('finds the row of method and path, and decodes its parameters', async () => {
  await using listener = await open();
  const text = async (path: string): Promise<string> => (await fetch(listener.url + path)).text();
  assert.equal(await text('/'), 'home');
  assert.equal(await text('/v1/agents/ci%2Dbot'), 'one ci-bot');
  assert.equal(await text('/files/a/b'), 'a/b');
});

test('answers 405 with Allow for a known path and 404 for an unknown one', async () => {
  await using listener = await open();
  const wrong = await fetch(`${listener.url}/v1/agents/x`, { method: 'PUT' });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get('allow'), 'DELETE, GET');
  assert.equal((await fetch(`${listener.url}/v1/agents`)).status, 404);
});

test('a parameter cannot hide a separator, a dot segment or nothing', async () => {
  await using listener = await open();
  for (const name of ['a%2Fb', 'a%5Cb', '%00', '%E0', '']) {
    assert.equal((await fetch(`${listener.url}/v1/agents/${name}`)).status, 404, name);
  }
});
