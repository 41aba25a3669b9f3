import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { backUp, restore } from '../../src/app/authority/backup.ts';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { openAuthority } from '../../src/app/authority/open-authority.ts';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown } from './deployment.ts';

test('U9 a backup of an authority at work restores to one that knows every certificate, and is refused when changed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-backup-'));
  const target = join(folder, 'copy');
  await using town = await openTown();
  await town.addAgent('ci-bot');
  const issued = await town.issue('ci-bot');
  const busy = Promise.all(Array.from({ length: 8 }, () => town.issue('ci-bot')));
  await backUp(town.data, target, systemClock);
  await busy;
  await assert.rejects(backUp(town.data, target, systemClock), isFault('conflict'));
  for (const inside of [town.data.folder, join(town.data.folder, 'copy')]) {
    await assert.rejects(backUp(town.data, inside, systemClock), isFault('invalid_input'));
  }
  await assert.rejects(
    restore(target, dataFolder(join(target, 'restored')), systemClock),
    isFault('invalid_input'),
  );

  const data = dataFolder(join(folder, 'restored'));
  await restore(target, data, systemClock);
  await assert.rejects(restore(target, data, systemClock), isFault('authority_exists'));
  {
    await using authority = await openAuthority({
      data,
      passphrase: async () => town.passphrase,
      clock: systemClock,
      log: () => undefined,
    });
    assert.equal((await authority.store.certificates.find(issued.serial))?.state, 'issued');
    assert.equal((await authority.store.agents.find('ci-bot'))?.state, 'active');
  }
  for (const log of [data.authorityLog, data.gatewayLog]) {
    assert.deepEqual((await verifyAuditLog(log)).firstBroken, null);
  }

  const kept = await readdir(target);
  assert.ok(!kept.includes('admin'), "the administrator's key is not encrypted, and not in a backup");
  const added = join(target, 'policies', 'zz-added.cedar');
  await writeFile(added, 'permit (principal, action, resource);');
  await assert.rejects(
    restore(target, dataFolder(join(folder, 'other')), systemClock),
    isFault('state_damaged'),
  );
  await rm(added);
  const name = (await readdir(join(target, 'authority-log'))).find((file) => file.endsWith('.jsonl')) ?? '';
  const changed = join(target, 'authority-log', name);
  await writeFile(changed, (await readFile(changed, 'utf8')).replace('ci-bot', 'ci-bat'));
  await assert.rejects(
    restore(target, dataFolder(join(folder, 'other')), systemClock),
    isFault('state_damaged'),
  );
  await rm(folder, { recursive: true, force: true });
});

test('bad input: a wrong passphrase, a second process and a folder without an authority are each told as such', async () => {
  await using town = await openTown();
  const open = (data = town.data, passphrase = town.passphrase): Promise<unknown> =>
    openAuthority({ data, passphrase: async () => passphrase, clock: systemClock, log: () => undefined });
  await assert.rejects(open(), isFault('state_locked'));
  await assert.rejects(open(dataFolder(join(town.data.folder, 'nothing'))), isFault('authority_missing'));
  await town.deployment[Symbol.asyncDispose]();
  await assert.rejects(open(town.data, 'another passphrase'), isFault('passphrase_wrong'));
  await writeFile(town.data.marker, '{"format":1,"trust');
  await assert.rejects(open(), isFault('state_damaged'));
});

function isFault(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}
