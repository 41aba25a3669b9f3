import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { linesOf, makeLog, temporaryFolder } from '../../src/audit/log.fixture.ts';
import { exporting, until } from '../../src/export/exporter.fixture.ts';
import { otlpDestination } from '../../src/export/otlp/otlp-destination.ts';
import { createClient } from '../../src/http/fetch.ts';
import { systemClock } from '../../src/kernel/clock.ts';

const python = join(import.meta.dirname, '../../.python/keys/bin/python');
const skip = existsSync(python)
  ? false
  : 'opentelemetry-proto is not installed here; `npm run python` installs it';

/** A receiver of OTLP that answers with what it is told, in order, and then takes everything. */
async function openReceiver(
  answers: { status: number; body?: string; headers?: Record<string, string> }[] = [],
) {
  const [bodies, taken, types]: [string[], string[], string[]] = [[], [], []];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.once('end', () => {
      const body = gunzipSync(Buffer.concat(parts)).toString();
      bodies.push(body);
      types.push(`${request.headers['content-type']} ${request.headers.authorization}`);
      const { status, body: text = '{}', headers = {} } = answers.shift() ?? { status: 200 };
      if (status === 200 && text === '{}') taken.push(body);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`,
    bodies,
    taken,
    types,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function destination(url: string) {
  const client = createClient({ addressGuard: 'any' });
  const headers = () => Promise.resolve({ authorization: 'Bearer of-the-test' });
  return otlpDestination({ called: 'collector', url, headers, version: '1' }, client, systemClock);
}

test('S4 what is sent as OTLP logs is read by the messages of OpenTelemetry, and holds every entry as it stands in the log', {
  skip,
}, async () => {
  await using log = await temporaryFolder();
  await makeLog(log.path);
  await using receiver = await openReceiver();
  await using stack = new AsyncDisposableStack();
  const { exporter } = exporting(log.path, destination(receiver.url));
  stack.use(exporter);
  await until(() => exporter.status().taken === 14);
  assert.ok(receiver.types.every((type) => type === 'application/json Bearer of-the-test'));
  const script = join(import.meta.dirname, 'otlp_read.py');
  const read = spawnSync(python, [script], { input: receiver.taken.join('\n'), encoding: 'utf8' });
  assert.equal(read.status, 0, read.stderr);
  const records = read.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown> & { attributes: Record<string, unknown> });
  const lines = await linesOf(log.path);
  assert.deepEqual(
    records.map(({ body }) => body),
    lines,
  );
  const refused = records.find(({ name }) => name === 'countersign.call.refused');
  assert.ok(refused);
  const { hash, ...attributes } = Object.fromEntries(
    Object.entries(refused.attributes).map(([name, value]) => [name.replace('countersign.', ''), value]),
  );
  assert.equal(typeof hash, 'string');
  assert.deepEqual(attributes, {
    id: `example.internal/gateway#${String(refused.attributes['countersign.index'])}`,
    log: 'example.internal/gateway',
    index: attributes['index'],
    agent: 'agent-0',
    at: 2,
  });
  assert.deepEqual(
    [refused['severity'], refused['scope'], refused['resource'], refused['time']],
    [
      13,
      'countersign.audit',
      { 'service.name': 'countersign', 'service.instance.id': 'example.internal/gateway' },
      Date.parse('2026-11-24T10:00:00.000Z') * 1_000_000,
    ],
  );
});

test('S4 a collector that is busy is tried again when it says, and one that rejects records has stopped the exporter', async () => {
  await using log = await temporaryFolder();
  await makeLog(log.path);
  const partial = JSON.stringify({ partialSuccess: { rejectedLogRecords: '1', errorMessage: 'no' } });
  const answers = [
    { status: 503, headers: { 'retry-after': '1' } },
    // Four, two, one: and then the one again.
    ...Array.from({ length: 4 }, () => ({ status: 200, body: partial })),
  ];
  await using receiver = await openReceiver(answers);
  await using stack = new AsyncDisposableStack();
  const { exporter, events } = exporting(log.path, destination(receiver.url));
  stack.use(exporter);
  await until(() => exporter.status().state === 'failing');
  const came = receiver.bodies.length;
  assert.equal(came, 1, 'it is not asked again before it wants to be');
  await until(() => exporter.status().state === 'stopped');
  await until(() => exporter.status().taken === 14);
  assert.deepEqual(
    events.map(({ type, entry }) => [type, entry]),
    [
      ['export.stopped', 0],
      ['export.resumed', undefined],
    ],
  );
});
