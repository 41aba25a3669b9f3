import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Actor } from '../../src/app/admin/operation.ts';
import { askRemote } from '../../src/app/admin/remote-administration.ts';
import { readIdentityFolder } from '../../src/app/authority/identity-folder.ts';
import { isJsonObject, type Json } from '../../src/kernel/canonical-json.ts';
import { isFault } from '../contracts/is-fault.ts';
import { openTown, type Town, until } from './deployment.ts';

const may = (...roles: readonly string[]): string =>
  roles
    .map(
      (role) => `@id("${role}") permit (principal in Role::"${role}", action, resource in Server::"files");`,
    )
    .join('\n');
const second: Actor = { name: 'carol', way: 'remote' };

test('A3 policies that may allow more wait for another administrator, also over a restart; what allows less takes force at once', async () => {
  const kept = await mkdtemp(join(tmpdir(), 'countersign-kept-'));
  try {
    {
      await using town = await waitingTown();
      const { data, gateway } = town;
      const inForce = (): readonly string[] => gateway.view.policies().policies.map(({ id }) => id);
      const put = (text: string): Promise<void> => writeFile(join(data.policies, 'a.cedar'), text);
      // The first set widens nothing to something: it waits as well, and nothing is permitted.
      await put(may('staff', 'guest'));
      const first = await waiting(town);
      assert.deepEqual(inForce(), []);
      assert.match(JSON.stringify(first), /by policy \\"guest\\"[\s\S]*denied → permitted/);
      await assert.rejects(
        act(town, 'policy.approve', { version: first.version }, { name: 'x', way: 'local' }),
        isFault('approval_refused'),
      );
      await act(town, 'policy.approve', { version: first.version }, second);
      await until(() => inForce().length === 2);
      // Less takes force at once.
      await put(may('staff'));
      await until(() => inForce().length === 1);
      // More waits; what was approved is exactly what waits.
      await put(may('staff', 'guest', 'bot'));
      const more = await waiting(town);
      await put(may('staff', 'guest'));
      const other = await waiting(town);
      assert.notEqual(other.version, more.version);
      await assert.rejects(
        act(town, 'policy.approve', { version: more.version }, second),
        isFault('conflict'),
      );
      assert.deepEqual(inForce(), ['staff']);
      // As after a power cut: the locks of a process that is no more mean nothing.
      await cp(data.folder, kept, { recursive: true, filter: (path) => !path.endsWith('lock') });
      const log = await readFile(join(data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
      assert.match(log, /"policy\.waiting"/);
      assert.match(log, /"by":"carol".*"policy\.approved"/);
    }
    await using town = await waitingTown(kept);
    const { data, gateway } = town;
    const inForce = (): readonly string[] => gateway.view.policies().policies.map(({ id }) => id);
    assert.deepEqual(inForce(), ['staff']);
    const { version } = await waiting(town);
    await act(town, 'policy.reject', { version, reason: 'too many' }, second);
    assert.equal(await act(town, 'policy.pending', {}, second), null);
    // The certificate that lies in the data folder is in the hand of whoever writes there.
    await writeFile(join(data.policies, 'a.cedar'), may('bot'));
    const last = await waiting(town);
    const own = await readIdentityFolder(data.admin);
    await assert.rejects(
      askRemote(town.authorityUrl, own, 'policy.approve', { version: last.version }),
      isFault('approval_refused'),
    );
    const { cert, key, ca } = await town.issue('carol', 'admin');
    await askRemote(town.authorityUrl, { certificate: cert, key, authorities: ca }, 'policy.approve', {
      version: last.version,
    });
    await until(() => inForce().join() === 'bot');
  } finally {
    await rm(kept, { recursive: true, force: true });
  }
});

function waitingTown(from?: string): Promise<Town> {
  return openTown({}, { authority: { widerPolicies: 'wait' }, ...(from !== undefined && { from }) });
}

function act({ deployment }: Town, name: string, input: Json, actor: Actor): Promise<Json> {
  return findOperation(name).run(deployment.authority, input, actor);
}

async function waiting(town: Town): Promise<{ readonly version: string }> {
  const pending = await act(town, 'policy.pending', {}, second);
  const version = isJsonObject(pending) ? pending['version'] : null;
  assert.ok(isJsonObject(pending) && typeof version === 'string');
  return { ...pending, version };
}
