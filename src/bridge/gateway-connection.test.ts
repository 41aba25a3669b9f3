import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { test } from 'node:test';
import { acceptSignature } from '../http/signatures/call-signature.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { startAuthority } from './authority.fixture.ts';
import { answerLegacy, quick, setStage, shiftedClock, until } from './bridge.fixture.ts';
import { explainFailure } from './explain-failure.ts';

const told = (answer: JsonObject): string => JSON.stringify((answer['error'] as JsonObject)['message']);
const code = (answer: JsonObject): unknown => ((answer['error'] as JsonObject)['data'] as JsonObject)['code'];

test('a gateway that is down is waited for, said once, and used when it is back', async () => {
  await using stage = await setStage();
  const client = await stage.connect({ limits: { ...quick, patienceMilliseconds: 60_000 } });
  const { port } = stage.gateway;
  await stage.gateway.close();
  client.send({ id: 1, method: 'tools/list' });
  while (stage.log.length === 0) await new Promise((resolve) => setImmediate(resolve));
  stage.gateway = await stage.openGateway(port);
  assert.ok((await client.answerTo(1))['result']);
  assert.equal(stage.log.filter((line) => line.includes('cannot be reached')).length, 1);
  assert.equal(stage.log.filter((line) => line.includes('answers again')).length, 1);
});

test('a gateway that stays down is an error with the reason, said once, and the bridge stays up', async () => {
  await using stage = await setStage();
  const client = await stage.connect({ limits: { ...quick, patienceMilliseconds: 200 } });
  const { port } = stage.gateway;
  await stage.gateway.close();
  client.send({ id: 1, method: 'tools/list' });
  const answer = await client.answerTo(1);
  assert.equal(code(answer), 'gateway_unreachable');
  assert.match(told(answer), /ECONNREFUSED/);
  assert.equal(stage.log.length, 1);
  stage.gateway = await stage.openGateway(port);
  client.send({ id: 2, method: 'tools/list' });
  assert.ok((await client.answerTo(2))['result']);
});

test('a request that the gateway may have begun is not sent again', async () => {
  await using stage = await setStage(async (seen) => {
    if (seen.message['id'] === 1) seen.exchange.connection.cut();
    else await answerLegacy(seen);
  });
  const client = await stage.connect();
  client.send({ id: 1, method: 'tools/call', params: { name: 'pay' } });
  assert.equal(code(await client.answerTo(1)), 'gateway_unreachable');
  client.send({ id: 2, method: 'tools/list' });
  await client.answerTo(2);
  assert.equal(stage.seen.length, 2);
});

test('O9 calls that were under way when the gateway first asked for signatures are signed and sent again, and then no more', async () => {
  const signed: unknown[] = [];
  let unsigned = 0;
  const refusing = { 'accept-signature': acceptSignature(), 'content-type': 'application/json' };
  await using stage = await setStage(async ({ exchange, message }) => {
    if (exchange.headers.get('signature') !== null && message['id'] !== 3) {
      signed.push(message['id']);
      return await answerLegacy({ exchange, message });
    }
    if (message['id'] !== 3) await until(() => ++unsigned >= 2);
    await exchange.respond(403, refusing, '{"error":{"message":"no","data":{"code":"call_unsigned"}}}');
  });
  const client = await stage.connect();
  client.send({ id: 1, method: 'tools/list' });
  client.send({ id: 2, method: 'tools/list' });
  await Promise.all([client.answerTo(1), client.answerTo(2)]);
  assert.deepEqual(new Set(signed), new Set([1, 2]));
  // A gateway that asks for what it was given is not asked for ever.
  const before = stage.seen.length;
  client.send({ id: 3, method: 'tools/list' });
  assert.equal(code(await client.answerTo(3)), 'call_unsigned');
  assert.equal(stage.seen.length, before + 1);
});

test('T1 a gateway of another authority is not trusted and hears nothing', async () => {
  await using stage = await setStage();
  await using other = await startAuthority();
  const roots = join(stage.folder, 'roots.pem');
  await writeFile(roots, other.root);
  const first = await stage.connect();
  await first.end();
  const client = await stage.connect({ joinToken: null, authorityFile: roots });
  client.send({ id: 1, method: 'tools/list' });
  assert.equal(code(await client.answerTo(1)), 'gateway_untrusted');
  assert.equal(stage.seen.length, 0);
});

test('T1 law 1 a server with a certificate of the authority is not taken for the gateway, and hears nothing', async () => {
  await using stage = await setStage();
  const { port } = stage.gateway;
  const first = await stage.connect();
  await first.end();
  for (const as of ['files', 'authority'] as const) {
    await stage.gateway.close();
    stage.gateway = await stage.openGateway(port, as);
    const client = await stage.connect({ joinToken: null });
    client.send({ id: 1, method: 'tools/list' });
    const refused = await client.answerTo(1);
    assert.equal(code(refused), 'gateway_untrusted');
    assert.match(told(refused), /not of kind gateway/);
    assert.equal(stage.seen.length, 0);
  }
});

test('T1 a certificate that the gateway does not accept is told as such, an ended one by its end', async () => {
  await using stage = await setStage();
  await using other = await startAuthority();
  const clock = shiftedClock();
  const { certificate, key } = other.agent('ci-bot');
  const put = (name: string, text: string): Promise<void> =>
    writeFile(join(stage.folder, name), text, { mode: 0o600 });
  await put('c.pem', certificate);
  await put('k.pem', key);
  await put('r.pem', stage.authority.root);
  const environment = {
    MCP_CLIENT_CERT: join(stage.folder, 'c.pem'),
    MCP_CLIENT_KEY: join(stage.folder, 'k.pem'),
    MCP_CA_CERT: join(stage.folder, 'r.pem'),
  };
  const client = await stage.connect({ environment, clock });
  client.send({ id: 1, method: 'tools/list' });
  const refused = await client.answerTo(1);
  assert.match(told(refused), /certificate/);
  clock.shift(2 * 3_600_000);
  client.send({ id: 2, method: 'tools/list' });
  assert.equal(code(await client.answerTo(2)), 'certificate_expired');
  assert.equal(stage.seen.length, 0);
});

test('a gateway that is not one is told as such', async () => {
  await using stage = await setStage();
  const server = createServer((socket) => socket.end('220 mail.example.internal\r\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const client = await stage.connect({
    gateway: `https://127.0.0.1:${port}/mcp/x`,
    limits: { ...quick, patienceMilliseconds: 0 },
  });
  client.send({ id: 1, method: 'tools/list' });
  assert.equal(code(await client.answerTo(1)), 'gateway_unreachable');
  server.close();
});

test('T1 what the TLS alert says becomes the code', () => {
  const about = (alert: string): string => {
    const cause = Object.assign(new Error('alert'), { code: `ERR_SSL_TLSV1_ALERT_${alert}` });
    const fault = new Fault('identity_refused', 'refused', { cause });
    return explainFailure(fault, { place: 'The gateway', leaf: null, now: 0 }).code;
  };
  assert.equal(about('CERTIFICATE_EXPIRED'), 'certificate_expired');
  assert.equal(about('CERTIFICATE_REVOKED'), 'certificate_revoked');
  assert.equal(about('UNKNOWN_CA'), 'identity_refused');
  assert.equal(about('DECRYPT_ERROR'), 'identity_refused');
});

test('no token, no message content and no key is ever logged', async () => {
  await using stage = await setStage(async (seen) => {
    if (seen.message['id'] === undefined) await seen.exchange.respond(400, {}, 'secret-content');
    else await answerLegacy(seen);
  });
  const client = await stage.connect();
  client.send({ method: 'notifications/x', params: { secret: 'secret-content' } });
  client.raw('secret-content\n');
  client.send({ id: 1, method: 'tools/call', params: { secret: 'secret-content' } });
  await client.answerTo(1);
  await client.end();
  assert.ok(stage.log.length > 0);
  assert.ok(stage.log.every((line) => !/secret-content|token|PRIVATE/.test(line)));
});
