import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { hashOf, isAnswered, openCaller } from './kit/caller.ts';
import { openEchoServer } from './kit/echo-server.ts';
import { permittedIn } from './kit/log-of.ts';
import { openProcessTown } from './kit/process-town.ts';
import { openSmallDisk } from './kit/small-disk.ts';
import { until } from './kit/until.ts';

test('S4 on a disk that is full nothing is forwarded; whatever reached the server is in the log, and calls go on when there is room', {
  timeout: 180_000,
}, async (context) => {
  await using echo = await openEchoServer();
  await using town = await openProcessTown();
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('ci-bot');
  const shown = await town.issue('ci-bot');
  using disk = openSmallDisk(join(town.root, 'disk'));
  context.diagnostic(`the disk is a ${disk.kind}`);
  await using gateway = await town.startGateway('edge', { state: disk.folder });
  const { pid } = gateway.process;
  const over = new AbortController();
  let [answered, refused, number] = [0, 0, 0];
  const hammer = async (): Promise<void> => {
    using caller = openCaller(gateway.endpoint('echo'), shown);
    while (!over.signal.aborted) {
      const answer = await caller.call(`message ${number++}`);
      if (isAnswered(answer)) answered += 1;
      if (answer.body.includes('audit_unwritable')) refused += 1;
    }
  };
  const callers = [1, 2, 3, 4].map(hammer);
  for (let round = 1; round <= 2; round += 1) {
    const before = answered;
    await until('calls', () => answered > before + 20);
    disk.fill(pid);
    const refusals = refused;
    await until('refusals', () => refused > refusals + 20);
    const reached = echo.reached.length;
    await until('more refusals', () => refused > refusals + 60);
    assert.equal(echo.reached.length, reached, 'while the disk is full nothing reaches the server');
    disk.free(pid);
    const then = answered;
    await until('calls again', () => answered > then + 20);
  }
  over.abort();
  await Promise.all(callers);
  await gateway.process.stop();
  const permitted = await permittedIn(join(disk.folder, 'gateway-log'));
  for (const message of echo.reached) {
    assert.ok(permitted.has(hashOf(message)), `${message} reached the server without a record`);
  }
  const verified = await verifyAuditLog(join(disk.folder, 'gateway-log'));
  assert.deepEqual(verified.firstBroken, null);
  context.diagnostic(`${echo.reached.length} calls reached the server, ${refused} were refused`);
});
