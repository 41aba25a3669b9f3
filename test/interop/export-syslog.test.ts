import assert from 'node:assert/strict';
import { createServer } from 'node:tls';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { linesOf, makeLog, temporaryFolder } from '../../src/audit/log.fixture.ts';
import { exporting, until, upTo } from '../../src/export/exporter.fixture.ts';
import { syslogDestination } from '../../src/export/syslog/syslog-destination.ts';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { openRsyslog, skip } from './rsyslog.ts';

const authority = createFixtureAuthority('syslog authority');
const receiver = authority.issue({ commonName: 'receiver', purpose: 'server' });
const sender = authority.issue({ commonName: 'sender', purpose: 'client' });

function destination(
  port: number,
  more: { authorities?: string; milliseconds?: number; anonymous?: boolean } = {},
) {
  const { authorities = authority.certificate, milliseconds = 20_000, anonymous = false } = more;
  return syslogDestination({
    called: 'syslog',
    host: 'localhost',
    port,
    sender: 'edge-1.example.internal',
    addresses: 'any',
    authorities,
    ...(!anonymous && { identity: sender }),
    milliseconds,
  });
}

test('S4 a real rsyslog gets every entry as RFC 5424 says over TLS, also those of a time in which it was down', {
  skip,
  timeout: 120_000,
}, async () => {
  await using folder = await temporaryFolder();
  await using log = await temporaryFolder();
  await makeLog(log.path);
  await using syslog = await openRsyslog(folder.path, { ca: authority.certificate, ...receiver });
  await syslog.stop();
  await using stack = new AsyncDisposableStack();
  const { exporter } = exporting(log.path, destination(syslog.port));
  stack.use(exporter);
  await until(() => exporter.status().state === 'failing');
  await syslog.start();
  await until(() => exporter.status().lagEntries === 0 && exporter.status().taken === 14);
  let messages: readonly string[] = [];
  // It writes a moment after it has read.
  for (let at = 0; messages.length < 14 && at < 400; at++) {
    messages = await syslog.messages();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const lines = await linesOf(log.path);
  const pattern =
    /^<(\d+)>1 (\S+) edge-1\.example\.internal countersign - (\S+) \[origin software="countersign"\]\[meta sequenceId="(\d+)"\] (\{.*\})$/;
  const read = messages.map((message) => pattern.exec(message) ?? assert.fail(message));
  const ids = new Map(read.map((match) => [match[4], match]));
  assert.deepEqual([...ids.keys()], upTo(15, 1).map(String));
  for (const [at, line] of lines.entries()) {
    const [, priority, time, type, , json = ''] = ids.get(String(at + 1)) ?? [];
    assert.ok(json.endsWith(`"entry":${line}}`), 'the line is whole');
    const { id, entry } = JSON.parse(json) as {
      id: string;
      entry: { time: string; event: { type: string } };
    };
    assert.deepEqual([id, time, type], [`example.internal/gateway#${at}`, entry.time, entry.event.type]);
    assert.equal(priority, type === 'call.refused' ? '108' : '110');
  }
});

test('S4 a receiver of syslog that is not the expected one, or that we are nothing to, gets no entry', {
  skip,
  timeout: 60_000,
}, async () => {
  await using folder = await temporaryFolder();
  await using log = await temporaryFolder();
  await makeLog(log.path);
  await using syslog = await openRsyslog(folder.path, { ca: authority.certificate, ...receiver });
  const stranger = createFixtureAuthority('stranger').certificate;
  for (const wrong of [{ authorities: stranger }, { anonymous: true }]) {
    await using stack = new AsyncDisposableStack();
    const { exporter } = exporting(log.path, destination(syslog.port, wrong));
    stack.use(exporter);
    await until(() => exporter.status().state === 'failing');
    assert.equal(exporter.status().taken, 0);
  }
  assert.deepEqual(await syslog.messages(), []);
});

test('S4 a batch is sent again when the receiver of syslog reset the connection, or never closed it', async () => {
  await using log = await temporaryFolder();
  await makeLog(log.path);
  let connections = 0;
  const bodies: string[] = [];
  const server = createServer(
    { cert: receiver.certificate, key: receiver.key, allowHalfOpen: true },
    (socket) => {
      const parts: Buffer[] = [];
      const turn = connections;
      socket.on('error', () => undefined);
      socket.on('data', (part: Buffer) => parts.push(part));
      socket.once('end', () => {
        bodies.push(Buffer.concat(parts).toString());
        if (turn > 2) socket.end();
      });
    },
  );
  // What a process leaves that dies with octets unread.
  server.on('connection', (raw: Socket) => {
    connections += 1;
    if (connections === 1) raw.once('data', () => raw.resetAndDestroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await using stack = new AsyncDisposableStack();
    const { port } = server.address() as AddressInfo;
    const { exporter } = exporting(log.path, destination(port, { milliseconds: 1_000 }));
    stack.use(exporter);
    await until(() => exporter.status().taken === 14);
    const indexes = bodies.flatMap((body) =>
      [...body.matchAll(/"index":(\d+)/g)].map(([, index]) => Number(index)),
    );
    assert.deepEqual(indexes.slice(-14), upTo(14));
    assert.ok(indexes.length > 14, 'what nobody had acknowledged by closing came again');
  } finally {
    server.close();
  }
});
