import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemDisk } from '../../src/audit/disk.ts';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { openTown, until } from './deployment.ts';
import { legacyClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';

test('S4 a log that cannot be written refuses every call with its fault and recovers by itself', async () => {
  for (const code of ['ENOSPC', 'EIO']) {
    let failing = false;
    const fail = (): void => {
      if (failing) throw Object.assign(new Error(`${code}: the disk says no`), { code });
    };
    const disk = {
      ...systemDisk,
      // Half of what was to be written is there before the disk says no.
      write(file: number, bytes: Uint8Array, position: number) {
        if (failing) systemDisk.write(file, bytes.subarray(0, bytes.length / 2), position);
        fail();
        systemDisk.write(file, bytes, position);
      },
    };
    await using old = await openLegacyServer();
    await using town = await openTown({}, { disk });
    await town.addHttpServer('old', old.url);
    await town.addAgent('ci-bot');
    await town.permit('permit (principal, action, resource);');
    await using fetch = mutualFetch(await town.issue('ci-bot'));
    const client = await legacyClient(town.endpoint('old'), fetch);
    const call = (): Promise<unknown> => client.callTool({ name: 'echo', arguments: { message: 'hi' } });
    await call();
    const reached = old.seen.length;
    failing = true;
    await assert.rejects(call(), /audit log cannot be written/);
    await assert.rejects(call(), /audit log cannot be written/);
    assert.equal(old.seen.length, reached, 'nothing reached the server');
    const ops = await fetch(`${town.deployment.listeners['ops']?.url}/readyz`);
    assert.equal(ops.status, 503);
    failing = false;
    await until(
      () => town.gateway.audit.health().writable || old.seen.length > reached,
      async () => {
        await call().catch(() => undefined);
      },
    );
    assert.equal(textOf(await call()), 'legacy hi');
    await client.close();
    await town.gateway.audit.checkpoint();
    assert.equal((await verifyAuditLog(town.data.gatewayLog)).ok, true);
  }
});
