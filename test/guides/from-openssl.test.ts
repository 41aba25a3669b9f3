import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '../interop/free-port.ts';
import { missing } from '../interop/missing.ts';
import { openLegacyServer } from '../journeys/mcp-servers.ts';
import { runGuide } from './run-guide.ts';

const skip = missing('bash', 'curl', 'openssl', 'nginx');

test('I1 I3 the guide from a CA made by hand moves server and client while both go on working', {
  skip,
  timeout: 150_000,
}, async () => {
  await using server = await openLegacyServer();
  const names = ['edge', 'gateway', 'authority', 'people', 'plain', 'ops'] as const;
  const ports = new Map<string, string>();
  for (const name of names) ports.set(name, String(await freePort()));
  const port = (name: (typeof names)[number]): string => ports.get(name) ?? '';
  const environment = {
    SERVER: server.url,
    EDGE: port('edge'),
    GATEWAY: port('gateway'),
    AUTHORITY: port('authority'),
    MORE: ['people', 'plain', 'ops']
      .map((name) => `--set listeners.${name}.port=${ports.get(name)}`)
      .join(' '),
  };
  await runGuide('from-openssl', environment, ({ code, said }) => {
    assert.equal(code, 0, said);
    assert.match(said, /URI:spiffe:\/\/acme\.internal\/agent\/ci-bot/);
    assert.match(said, /CN=Acme Root CN=ci-bot/);
  });
});
