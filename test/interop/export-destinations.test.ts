import assert from 'node:assert/strict';
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { openDestination } from '../../src/app/compose/open-destination.ts';
import { readAuditExport } from '../../src/app/config/audit-export-file.ts';
import { makeLog, temporaryFolder } from '../../src/audit/log.fixture.ts';
import type { ExportBatch } from '../../src/export/destination.ts';
import { exporting, memoryDestination, until } from '../../src/export/exporter.fixture.ts';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import { createSecretResolver } from '../../src/secrets/resolve.ts';
import { isFault } from '../contracts/is-fault.ts';
import { openRsyslog, skip as noRsyslog } from './rsyslog.ts';

const authority = createFixtureAuthority('receivers');
const shown = authority.issue({ commonName: 'receiver', purpose: 'server' });
const own = authority.issue({ commonName: 'exporter', purpose: 'client' });
const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const { signal } = new AbortController();

/** A batch of a real log, and a folder with what the settings name. */
async function prepared(opened: AsyncDisposableStack): Promise<{ folder: string; batch: ExportBatch }> {
  const log = opened.use(await temporaryFolder()).path;
  const folder = opened.use(await temporaryFolder()).path;
  await makeLog(log);
  const memory = memoryDestination();
  const { exporter } = exporting(log, memory);
  await until(() => memory.taken().length === 14);
  await exporter[Symbol.asyncDispose]();
  const [batch] = memory.batches;
  assert.ok(batch);
  await writeFile(join(folder, 'ca.pem'), authority.certificate);
  await writeFile(join(folder, 'certificate.pem'), own.certificate);
  await writeFile(join(folder, 'key.pem'), own.key, { mode: 0o600 });
  return { folder, batch };
}

async function open(yaml: string) {
  const [settings] = readAuditExport('audit-export.yaml', `destinations:\n  - ${yaml}\n`).destinations;
  assert.ok(settings);
  const environment = { WEBHOOK: secret, OTLP: 'Bearer from-the-environment' };
  const secrets = createSecretResolver({ environment, redactor: createRedactor(), clock: systemClock });
  return await openDestination(settings, { secrets, clock: systemClock });
}

async function listening(opened: AsyncDisposableStack, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.defer(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const mutual = (folder: string): string =>
  `ca: "${folder}/ca.pem", certificate: "${folder}/certificate.pem", key: "file:${folder}/key.pem"`;

function answering(
  status: number,
  seen: { readonly headers: IncomingMessage['headers']; readonly body: Buffer }[],
  headers: Record<string, string> = {},
) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.once('end', () => {
      seen.push({ headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(status, { connection: 'close', ...headers }).end();
    });
  };
}

test('S4 a webhook behind TLS that asks for a certificate gets the one of the settings, and a redirect of it leads nowhere', async () => {
  await using opened = new AsyncDisposableStack();
  const { folder, batch } = await prepared(opened);
  const tls = {
    cert: shown.certificate,
    key: shown.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const seen: { readonly headers: IncomingMessage['headers']; readonly body: Buffer }[] = [];
  const port = await listening(opened, createServer(tls, answering(204, seen)));
  const elsewhere: typeof seen = [];
  const target = await listening(opened, createPlain(answering(204, elsewhere)));
  const location = { location: `http://127.0.0.1:${target}/` };
  const moved = await listening(opened, createServer(tls, answering(307, [], location)));
  const settings = (at: number, more: string): string =>
    `{ name: a, kind: webhook, url: "https://localhost:${at}/", secret: "env:WEBHOOK", ${more} }`;
  const destination = opened.use(await open(settings(port, `addresses: any, ${mutual(folder)}`)));
  await destination.deliver(batch, signal);
  assert.equal(seen.length, 1);
  assert.equal(seen[0]?.headers['webhook-id'], 'example.internal/gateway#0-3');

  const anonymous = opened.use(await open(settings(port, `addresses: any, ca: "${folder}/ca.pem"`)));
  await assert.rejects(anonymous.deliver(batch, signal));
  const guarded = opened.use(await open(settings(port, mutual(folder))));
  await assert.rejects(guarded.deliver(batch, signal), isFault('address_refused'));
  const strange = opened.use(await open(settings(port, 'addresses: any')));
  await assert.rejects(strange.deliver(batch, signal), isFault('gateway_untrusted'));
  const redirected = opened.use(await open(settings(moved, `addresses: any, ${mutual(folder)}`)));
  await assert.rejects(redirected.deliver(batch, signal), isFault('unavailable'));
  assert.deepEqual([seen.length, elsewhere.length], [1, 0]);
});

test('S4 settings of OTLP resolve their headers where the secrets are, and settings of syslog reach a real rsyslog', {
  skip: noRsyslog,
  timeout: 60_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const { folder, batch } = await prepared(opened);
  const seen: { readonly headers: IncomingMessage['headers']; readonly body: Buffer }[] = [];
  const port = await listening(opened, createPlain(answering(200, seen)));
  const otlp = opened.use(
    await open(
      `{ name: o, kind: otlp, url: "http://127.0.0.1:${port}/v1/logs", headers: { authorization: "env:OTLP" } }`,
    ),
  );
  await otlp.deliver(batch, signal);
  assert.equal(seen[0]?.headers.authorization, 'Bearer from-the-environment');
  assert.match(
    gunzipSync(seen[0]?.body ?? Buffer.alloc(0)).toString(),
    /"eventName":"countersign\.log\.opened"/,
  );

  const syslog = opened.use(await openRsyslog(folder, { ca: authority.certificate, ...shown }));
  const place = `name: s, kind: syslog, host: localhost, port: ${syslog.port}`;
  const destination = opened.use(await open(`{ ${place}, addresses: any, ${mutual(folder)} }`));
  await destination.deliver(batch, signal);
  const guarded = opened.use(await open(`{ ${place}, ${mutual(folder)} }`));
  await assert.rejects(guarded.deliver(batch, signal), isFault('address_refused'));
});

test('S4 settings that leave a key or a name out, or say a thing twice, are refused with the line', () => {
  const read = (text: string) => () => readAuditExport('audit-export.yaml', text);
  const webhook = 'name: a, kind: webhook, url: "https://x.example/", secret: "env:S"';
  for (const wrong of [
    `destinations:\n  - { ${webhook}, certificate: c.pem }`,
    `destinations:\n  - { ${webhook} }\n  - { ${webhook} }`,
    'destinations:\n  - { name: a, kind: webhook, url: "http://x.example/", secret: "env:S" }',
    'destinations:\n  - { name: a, kind: carrier-pigeon }',
    'destinations:\n  - { name: "../a", kind: syslog, host: x }',
    'witnesses:\n  - { name: w, url: "https://w.example", vkey: "no key" }',
    'destination: []',
  ]) {
    assert.throws(read(wrong), isFault('config_invalid'), wrong);
  }
  assert.deepEqual(read('')().destinations, []);
});
