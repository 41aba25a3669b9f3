import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { Config } from './config.ts';
import { listSettings, variableOf } from './json-schema.ts';
import { loadConfig } from './load-config.ts';

test('listens on loopback only, with TLS 1.3, when nothing is chosen', async () => {
  const config = await load({});
  assert.deepEqual(
    Object.values(config.listeners).map(({ host, tlsMinimum, hosts, origins }) => [
      host,
      tlsMinimum,
      hosts,
      origins,
    ]),
    Array.from({ length: 5 }, () => ['127.0.0.1', 'TLSv1.3', [], []]),
  );
  assert.equal(config.gateway.bodyBytes, 4_194_304);
});

test('the file is changed by the environment, and the environment by flags', async () => {
  const yaml = 'gateway:\n  bodyBytes: 2000\n  jsonDepth: 10\n  jsonValues: 50\n';
  const env = { COUNTERSIGN_GATEWAY_JSON_DEPTH: '11', COUNTERSIGN_GATEWAY_JSON_VALUES: '51' };
  const { gateway } = await load({ yaml, env, set: ['gateway.jsonValues=52'] });
  assert.deepEqual([gateway.bodyBytes, gateway.jsonDepth, gateway.jsonValues], [2000, 11, 52]);
});

/** Lists of other things than host names. */
const lists: Readonly<Record<string, string>> = {
  origins: 'https://a.example,https://b.example',
  addresses: 'private,10.1.0.0/16,2001:db8::/32',
  clientAddresses: 'private,10.1.0.0/16,2001:db8::/32',
  resolvers: '10.0.0.53,127.0.0.1:5353,[::1]:53',
};

test('every setting can be set by its variable and by --set', async () => {
  for (const { path, type, default: value } of listSettings()) {
    const single = JSON.stringify(value).replaceAll('"', '');
    const text = type === 'array' ? (lists[path.at(-1) ?? ''] ?? 'a.example,b.example') : single;
    for (const given of [{ env: { [variableOf(path)]: text } }, { set: [`${path.join('.')}=${text}`] }]) {
      const config = await load(given);
      const found = path.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], config);
      assert.deepEqual(found, type === 'array' ? text.split(',') : value, path.join('.'));
    }
  }
});

test('takes free ports everywhere with --ports any', async () => {
  const config = await load({ yaml: 'listeners: { agents: { port: 9443 } }', given: { ports: 'any' } });
  assert.deepEqual(
    Object.values(config.listeners).map(({ port }) => port),
    [0, 0, 0, 0, 0],
  );
});

test('is frozen to its leaves', async () => {
  const { listeners } = await load({ yaml: 'listeners: { agents: { hosts: [gateway.example] } }' });
  assert.ok(Object.isFrozen(listeners.agents.hosts));
  assert.throws(() => (listeners.agents.hosts as string[]).push('other'), TypeError);
});

test('refuses what is no setting and names line, place and the nearest that is', async () => {
  await assert.rejects(
    load({ yaml: 'gateway:\n  bodyBites: 1\n' }),
    says(/line 2: gateway\.bodyBites .*gateway\.bodyBytes/),
  );
  await assert.rejects(load({ yaml: 'gatway: {}' }), says(/gatway .*gateway/));
  await assert.rejects(
    load({ yaml: 'listeners: { plain: { tlsMinimum: TLSv1.2 } }' }),
    says(/listeners\.plain\.tlsMinimum/),
  );
  await assert.rejects(load({ set: ['gateway.bodybytes=1'] }), says(/gateway\.bodyBytes/));
  await assert.rejects(
    load({ env: { COUNTERSIGN_GATEWAY_BODYBYTES: '1' } }),
    says(/COUNTERSIGN_GATEWAY_BODY_BYTES/),
  );
});

test('leaves variables alone that are not settings by their beginning', async () => {
  await load({ env: { COUNTERSIGN_PASSPHRASE: 'x', COUNTERSIGN_JOIN_TOKEN: 'y', PATH: '/bin' } });
});

const badFiles: Readonly<Record<string, string>> = {
  'a wrong type': 'gateway: { bodyBytes: lots }',
  'a number out of bounds': 'listeners: { agents: { port: 70000 } }',
  'a fraction': 'gateway: { jsonDepth: 6.5 }',
  'a limit turned off': 'gateway: { bodyBytes: 0 }',
  'a group where a value belongs': 'gateway: { bodyBytes: {} }',
  'an older TLS': 'listeners: { agents: { tlsMinimum: TLSv1.1 } }',
  'an origin with a path': 'listeners: { people: { origins: ["https://a.example/x"] } }',
  'any origin': 'listeners: { people: { origins: ["*"] } }',
  'a host with a scheme': 'listeners: { agents: { hosts: ["https://a.example"] } }',
  'a name twice': 'gateway: { bodyBytes: 2000, bodyBytes: 3000 }',
  'broken YAML': 'gateway: [',
  'two documents': 'gateway: {}\n---\ngateway: {}\n',
  'an alias': 'listeners: { agents: &a { port: 1 }, people: *a }',
  'a tag': 'gateway: !!js/function "x"',
  'a list at the top': '- gateway',
  'text at the top': 'gateway',
  'a prototype': '__proto__: { gateway: {} }',
  'null for a group': 'gateway: null',
};

for (const [name, yaml] of Object.entries(badFiles)) {
  test(`bad input: refuses a file with ${name}`, async () => {
    await assert.rejects(load({ yaml }), isFault('config_invalid'));
  });
}

const secrets: Readonly<Record<string, string>> = {
  'a member named password': 'gateway: { password: correct-horse }',
  'a member named apiKey': 'upstream: { apiKey: 0123456789abcdef }',
  'a token of a code host': 'gateway: { note: ghp_abcdefghijklmnopqrstuvwxyz0123456789 }',
  'a signed token': 'gateway: { note: eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln }',
  'a private key': 'gateway: { note: "-----BEGIN PRIVATE KEY-----" }',
  'a URL with a password': 'gateway: { note: "postgres://user:correct-horse@db/x" }',
  'a secret in a list': 'gateway: { notes: [fine, "Bearer correct-horse"] }',
};

for (const [name, yaml] of Object.entries(secrets)) {
  test(`bad input: refuses ${name} and does not repeat it`, async () => {
    await assert.rejects(load({ yaml }), (error) => {
      assert.ok(error instanceof Fault && error.code === 'config_invalid');
      assert.match(error.message, /looks like a secret/);
      assert.doesNotMatch(error.message, /correct-horse|0123456789|abcdef|eyJ|BEGIN/);
      return true;
    });
  });
}

test('says that a file that was named does not exist', async () => {
  const input = { text: () => '/nowhere/countersign.yaml', list: () => [], given: {} };
  await assert.rejects(loadConfig({ env: {} }, input, '.'), isFault('not_found'));
});

test('any text is a configuration or a Fault, never another error', async () => {
  const parts = [
    'gateway',
    'listeners',
    ':',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '"',
    'bodyBytes',
    '1',
    '&a',
    '*a',
    '!!x',
    '|',
    '%',
  ];
  const text = fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((some) => some.join(''));
  await fc.assert(
    fc.asyncProperty(fc.oneof(text, fc.string()), async (yaml) => {
      await load({ yaml }).catch((error: unknown) => {
        if (!isFault('config_invalid')(error)) throw error;
      });
    }),
    { numRuns: 100 },
  );
});

async function load(options: {
  readonly yaml?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly set?: readonly string[];
  readonly given?: Readonly<Record<string, string>>;
}): Promise<Config> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    if (options.yaml !== undefined) await writeFile(join(folder, 'countersign.yaml'), options.yaml);
    return await loadConfig(
      { env: options.env ?? {} },
      { text: () => null, list: () => options.set ?? [], given: options.given ?? {} },
      folder,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

function isFault(code: FaultCode): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}

function says(text: RegExp): (error: unknown) => boolean {
  return (error) => isFault('config_invalid')(error) && text.test((error as Fault).message);
}

test('law 10: a shared memory in the clear is for this machine alone, and no password stands in its URL', async () => {
  const refused = [
    'redis://redis.example.internal:6379',
    'redis://10.0.0.1',
    'redis://127.0.0.1.example.internal',
    'redis://localhost@redis.example.internal',
    'rediss://user:canary-4711@redis.example.internal',
    'rediss://redis.example.internal/0?password=canary-4711',
    'unix:redis.sock',
    'https://redis.example.internal',
  ];
  for (const url of refused) {
    await assert.rejects(
      load({ set: [`sharedMemory.url=${url}`] }),
      (error) =>
        error instanceof Fault && error.code === 'config_invalid' && !error.message.includes('canary-4711'),
      url,
    );
  }
  const taken = [
    'rediss://redis.example.internal',
    'rediss://[2001:db8::1]:6380/3',
    'redis://127.0.0.1:6379',
    'redis://[::1]',
    'redis://localhost/1',
    'unix:/run/redis/redis.sock',
  ];
  for (const url of taken) {
    assert.equal((await load({ set: [`sharedMemory.url=${url}`] })).sharedMemory.url, url);
  }
  await assert.rejects(load({ set: ['sharedMemory.password=hunter2'] }), { code: 'config_invalid' });
});
