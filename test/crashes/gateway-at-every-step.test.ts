import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { checkpointSigner } from '../../src/audit/checkpoint.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import { listSegments } from '../../src/audit/segment.ts';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { readKeyFile } from '../../src/ca/key-file.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { post } from '../../tour/raw-request.ts';
import { openTown, type Presentable } from '../journeys/deployment.ts';

type End = 'arrived' | 'half' | 'whole';

/** Where the gateway dies, and what must be true after: whether the call reached the server, what the log says of it. */
const steps: readonly {
  readonly at: string;
  readonly disk?: readonly [string, string];
  readonly server?: End;
  readonly reached: boolean;
  readonly log: string;
}[] = [
  { at: 'before the permit is written', disk: ['call.permitted', 'before'], reached: false, log: '' },
  { at: 'with half of the permit written', disk: ['call.permitted', 'half'], reached: false, log: '' },
  {
    at: 'with the permit written and not durable',
    disk: ['call.permitted', 'written'],
    reached: false,
    log: 'call.permitted',
  },
  {
    at: 'with the permit durable and nothing sent',
    disk: ['call.permitted', 'synced'],
    reached: false,
    log: 'call.permitted',
  },
  { at: 'with the call at the server', server: 'arrived', reached: true, log: 'call.permitted' },
  { at: 'in the middle of the answer', server: 'half', reached: true, log: 'call.permitted' },
  {
    at: 'before the answer is recorded',
    disk: ['call.answered', 'before'],
    reached: true,
    log: 'call.permitted',
  },
  {
    at: 'with half of that record written',
    disk: ['call.answered', 'half'],
    reached: true,
    log: 'call.permitted',
  },
  {
    at: 'with that record written and not durable',
    disk: ['call.answered', 'written'],
    reached: true,
    log: 'call.permitted call.answered',
  },
  {
    at: 'with that record durable',
    disk: ['call.answered', 'synced'],
    reached: true,
    log: 'call.permitted call.answered',
  },
];

test('S4 at whichever step of a call the gateway dies, nothing reached the server without its record, and the log goes on', async () => {
  await using opened = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'countersign-steps-'));
  opened.defer(() => rm(root, { recursive: true, force: true }));
  let arrived = 0;
  let onArrival: (response: ServerResponse) => void = () => undefined;
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      arrived += 1;
      onArrival(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const place = await prepare(root, `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);

  for (const { at, disk, server: end, reached, log } of steps) {
    const folder = join(root, at.replaceAll(' ', '-'));
    await cp(place.folder, folder, { recursive: true });
    const { child, url } = await start(folder, place.passphrase, disk);
    const dead = once(child, 'exit');
    onArrival = (response) => {
      if (end === 'arrived') {
        child.kill('SIGKILL');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n');
      if (end === 'half') setTimeout(() => child.kill('SIGKILL'), 20);
      else response.end('data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n');
    };
    const before = arrived;
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo' } };
    await post(`${url}/mcp/server`, place.shown, false, call, {});
    assert.deepEqual(await dead, [null, 'SIGKILL'], at);
    assert.equal(arrived - before, reached ? 1 : 0, at);

    // The log is opened as the next start of the gateway opens it, and says what happened.
    const { gatewayLog } = dataFolder(folder);
    const signer = checkpointSigner('example.internal/gateway', place.auditKey);
    const options = { folder: gatewayLog, origin: 'example.internal/gateway', clock: systemClock, signer };
    await (await openAuditLog(options))[Symbol.asyncDispose]();
    const verified = await verifyAuditLog(gatewayLog, { publicKey: signer.publicKey });
    assert.ok(verified.ok, `${at}: ${verified.firstBroken?.reason}`);
    assert.equal((await callTypes(gatewayLog)).join(' '), log, at);
  }
});

async function prepare(
  root: string,
  url: string,
): Promise<{
  folder: string;
  passphrase: string;
  shown: Presentable;
  auditKey: Awaited<ReturnType<typeof readKeyFile>>;
}> {
  await using town = await openTown();
  await town.addHttpServer('server', url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const shown = await town.issue('ci-bot');
  const { passphrase } = town;
  const auditKey = await readKeyFile(town.data.auditKey, passphrase);
  await town.deployment[Symbol.asyncDispose]();
  const folder = join(root, 'prepared');
  await cp(town.data.folder, folder, { recursive: true });
  return { folder, passphrase, shown, auditKey };
}

async function start(
  folder: string,
  passphrase: string,
  disk: readonly string[] = [],
): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const script = join(import.meta.dirname, 'gateway-on-dying-disk.ts');
  const child = spawn(process.execPath, [script, folder, passphrase, ...disk], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, url };
}

/** The types of the entries about calls. */
async function callTypes(folder: string): Promise<readonly string[]> {
  const types: string[] = [];
  for (const { name } of await listSegments(folder)) {
    for (const line of (await readFile(join(folder, name), 'utf8')).split('\n').slice(0, -1)) {
      const { event } = JSON.parse(line) as { event: { type: string } };
      if (event.type.startsWith('call.')) types.push(event.type);
    }
  }
  return types;
}
