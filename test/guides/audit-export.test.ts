import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signRequest } from '../../src/secrets/aws/sign-request.ts';
import { freePort } from '../interop/free-port.ts';
import { missing } from '../interop/missing.ts';
import { credentials, skip as noMoto, startMoto } from '../interop/moto.ts';
import { runGuide } from './run-guide.ts';

const skip = noMoto || missing('bash', 'curl', 'openssl');

test('S4 the guide to a log that its own machine cannot rewrite does what it says, to a store (moto) and with a witness', {
  skip,
  timeout: 150_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const moto = opened.use(await startMoto());
  const url = new URL('/audit-records', moto.endpoint);
  const { host: _, ...headers } = signRequest(
    { method: 'PUT', url, headers: { 'x-amz-bucket-object-lock-enabled': 'true' }, body: '' },
    { region: 'us-east-1', service: 's3', now: Date.now() },
    { ...credentials, sessionToken: null },
  );
  assert.equal((await fetch(url, { method: 'PUT', headers })).status, 200);
  const more: string[] = [];
  for (const name of ['agents', 'authority', 'people', 'plain']) {
    more.push('--set', `listeners.${name}.port=${await freePort()}`);
  }
  const environment = {
    STORE: moto.endpoint,
    BUCKET: 'audit-records',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    WITNESS: String(await freePort()),
    OPS: String(await freePort()),
    MORE: more.join(' '),
  };
  await runGuide('audit-export', environment, ({ code, said }) => {
    assert.equal(code, 0, said);
    assert.match(said, /2 of 2 logs verify\./);
    assert.match(said, /The log acme\.internal\/authority verifies: \d+ entries/);
    assert.match(said, /Broken at entry/);
    assert.match(said, /What was exported is not the log/);
  });
});
