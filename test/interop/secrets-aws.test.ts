import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSecrets } from '../../src/app/compose/open-secrets.ts';
import { configSchema, toConfig } from '../../src/app/config/config.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { signRequest } from '../../src/secrets/aws/sign-request.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import type { Secrets } from '../../src/secrets/resolve.ts';
import { isFault } from '../contracts/is-fault.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { credentials, type Moto, skip, startMoto } from './moto.ts';

const canary = 'canary-secret-in-aws';
const region = 'eu-central-1';
const environment = {
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
};

function open(aws: JsonObject, more: JsonObject = {}, env: Record<string, string> = environment): Secrets {
  const given = { region, addresses: 'any', ...aws };
  const { secrets: config } = toConfig(configSchema.parse({ secrets: { aws: given, ...more } }));
  return openSecrets({
    config,
    environment: env,
    clock: systemClock,
    redactor: createRedactor(),
    identity: () => {
      throw new Error('no certificate here');
    },
    tell: () => undefined,
  });
}

async function order(moto: Moto, action: string, input: JsonObject): Promise<JsonObject> {
  const url = new URL(moto.endpoint);
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `secretsmanager.${action}`,
  };
  const body = JSON.stringify(input);
  const scope = { region, service: 'secretsmanager', now: systemClock.now() };
  const { host: _, ...signed } = signRequest({ method: 'POST', url, headers, body }, scope, {
    ...credentials,
    sessionToken: null,
  });
  const answer = await fetch(url, { method: 'POST', headers: signed, body });
  assert.equal(answer.status, 200, action);
  return (await answer.json()) as JsonObject;
}

test('S1 AWS Secrets Manager (moto): versions and stages, members of JSON, and every way that it can fail', {
  skip,
  timeout: 120_000,
}, async (t) => {
  await using moto = await startMoto();
  const { endpoint } = moto;
  const made = await order(moto, 'CreateSecret', {
    Name: 'prod/github',
    SecretString: JSON.stringify({ token: canary, port: 5432, no: {} }),
  });
  const arn = made['ARN'] as string;
  await order(moto, 'CreateSecret', { Name: 'plain', SecretString: 'canary-of-plain-text' });
  await order(moto, 'CreateSecret', {
    Name: 'octets',
    SecretBinary: Buffer.from([0xff, 0xfe]).toString('base64'),
  });

  await t.test(
    'a member, the whole text, by name and by ARN, in the version and stage that is named',
    async () => {
      await using secrets = open({ endpoint }, { holdMilliseconds: 0 });
      assert.equal(await secrets.resolve('aws-sm:prod/github#token'), canary);
      assert.equal(await secrets.resolve(`aws-sm:${arn}#port`), '5432');
      assert.equal(await secrets.resolve('Bearer ${aws-sm:plain}'), 'Bearer canary-of-plain-text');
      const next = await order(moto, 'PutSecretValue', {
        SecretId: 'prod/github',
        SecretString: JSON.stringify({ token: 'canary-of-later' }),
      });
      // The rotated value counts at the next call.
      assert.equal(await secrets.resolve('aws-sm:prod/github#token'), 'canary-of-later');
      assert.equal(await secrets.resolve('aws-sm:prod/github?stage=AWSPREVIOUS#token'), canary);
      const version = next['VersionId'] as string;
      assert.equal(await secrets.resolve(`aws-sm:prod/github?version=${version}#token`), 'canary-of-later');
    },
  );

  await t.test('what is not there, no text, or not permitted is no secret', async () => {
    await using secrets = open({ endpoint });
    for (const text of [
      'aws-sm:missing',
      'aws-sm:prod/github#nothing',
      'aws-sm:octets',
      'aws-sm:plain#token',
      'aws-sm:prod/github?stage=NONE#token',
    ]) {
      await assert.rejects(secrets.resolve(text), isFault('secret_unresolved'), text);
    }
    await moto.checkCredentials(true);
    await using refused = open({ endpoint });
    await assert.rejects(refused.resolve('aws-sm:plain'), isFault('secret_unresolved'));
    await moto.checkCredentials(false);
  });

  await t.test(
    'down, slow, meddled with: the call is denied in time, and nothing that it says is told',
    async () => {
      await using proxy = await startFaultProxy(endpoint, null);
      for (const lie of [
        { status: 200, body: `<html>${canary}` },
        { status: 200, body: JSON.stringify({ SecretString: { token: canary } }) },
        { status: 400, body: JSON.stringify({ __type: 'AccessDeniedException', message: canary }) },
        { status: 400, body: JSON.stringify({ __type: 'constructor', message: canary }) },
        { status: 503, body: canary },
        { status: 302, body: '' },
      ]) {
        proxy.meddle = () => lie;
        await using secrets = open({ endpoint: proxy.address });
        await assert.rejects(secrets.resolve('aws-sm:plain'), (error) => {
          assert.ok(error instanceof Fault && !error.message.includes(canary), String(error));
          assert.match(error.code, /^secret_un(resolved|available)$/);
          return true;
        });
      }
      moto.freeze();
      await using frozen = open({ endpoint });
      const from = performance.now();
      await assert.rejects(frozen.resolve('aws-sm:plain'), isFault('secret_unavailable'));
      assert.ok(performance.now() - from < 7_000);
      moto.thaw();
      await using inside = open({ endpoint, addresses: 'public' });
      await assert.rejects(inside.resolve('aws-sm:plain'), (error) => {
        assert.match(String(error), /secrets\.aws\.addresses/);
        return isFault('secret_unresolved')(error);
      });
    },
  );
});
