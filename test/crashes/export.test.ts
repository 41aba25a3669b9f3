import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { entryId } from '../../src/export/destination.ts';
import { leafHash, linkOf } from '../../src/audit/entry.ts';
import { linesOf, origin, temporaryFolder } from '../../src/audit/log.fixture.ts';
import { openExportReceiver, receiverSecret } from '../journeys/export-receiver.ts';

/** After how many batches the receiver has the process killed, and whether it had taken the last one. */
const rounds = [
  { after: 1, taken: false },
  { after: 1, taken: true },
  { after: 3, taken: true },
  { after: 6, taken: false },
];

test('S4 kill -9 in the middle of an export: everything arrives, and without repeated ids it is the log, octet by octet', async () => {
  await using folder = await temporaryFolder();
  await using receiver = await openExportReceiver();
  const log = join(folder.path, 'log');
  await mkdir(log, { recursive: true });
  await writeFile(
    join(folder.path, 'audit-export.yaml'),
    `destinations:
  - { name: siem, kind: webhook, url: "${receiver.url}", secret: "env:EXPORT_SECRET", entries: 7, seconds: 0 }
`,
  );
  const script = join(import.meta.dirname, 'export-writer.ts');
  const begin = (count: number) =>
    spawn(process.execPath, [script, log, String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, EXPORT_SECRET: receiverSecret },
    });
  for (const { after, taken } of rounds) {
    const child = begin(0);
    const exited = once(child, 'exit');
    let seen = 0;
    receiver.answer = () => {
      seen += 1;
      if (seen < after) return null;
      child.kill('SIGKILL');
      return taken ? null : 503;
    };
    for await (const _line of createInterface({ input: child.stdout }));
    assert.deepEqual(await exited, [null, 'SIGKILL']);
  }
  receiver.answer = () => null;
  const child = begin(5);
  child.stdout.resume();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  const lines = await linesOf(log);
  const byId = new Map(receiver.entries.map(({ id, hash }) => [id, hash]));
  // What the last process wrote when it closed the log has no destination any more; it goes out at the next start.
  const arrived = lines.slice(0, byId.size);
  assert.ok(arrived.length >= lines.length - 1, `${arrived.length} of ${lines.length}`);
  assert.deepEqual(
    arrived.map((line) => linkOf(leafHash(line))),
    arrived.map((_line, index) => byId.get(entryId(origin, index))),
  );
  assert.ok(receiver.entries.length > byId.size, 'something was told twice');
  const firsts = receiver.entries.map(({ entry }) => entry.index);
  assert.ok(
    firsts.every((index, at) => at === 0 || index <= (firsts[at - 1] ?? 0) + 1),
    'no entry overtakes another',
  );
});
