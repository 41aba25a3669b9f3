import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTown } from '../journeys/deployment.ts';
import { runHere } from '../journeys/program.ts';

test('U8 health asks the ops listener beside it, and its exit code is what a probe goes by', async () => {
  await using town = await openTown();
  const port = new URL(town.deployment.listeners['ops']?.url ?? '').port;
  for (const check of ['live', 'startup', 'ready']) {
    const { code, stderr } = await runHere(['health', '--check', check, '--port', port]);
    assert.equal(code, 0, stderr);
  }
});

test('U8 health says no to whatever is not well: another answer, none, or nobody there', async () => {
  let status = 503;
  const server = createServer((_, response) => response.writeHead(status).end('{"ready":false}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    for (status of [503, 500, 404, 302, 204]) {
      const { code } = await runHere(['health', '--port', String(port)]);
      assert.equal(code, 5, String(status));
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
  assert.equal((await runHere(['health', '--port', String(port)])).code, 5);
  assert.equal((await runHere(['health', '--port', '0'])).code, 2);
  assert.equal((await runHere(['health', '--check', 'well'])).code, 2);
});

test('U8 init --if-missing makes an authority once, and leaves one that is there as it is', async () => {
  const place = await mkdtemp(join(tmpdir(), 'countersign-if-missing-'));
  try {
    const passphrase = join(place, 'passphrase');
    await writeFile(passphrase, 'a passphrase of this test', { mode: 0o600 });
    const folder = join(place, 'data');
    const words = ['init', '--if-missing', '--folder', folder, '--passphrase-file', passphrase];
    assert.equal((await runHere(words)).code, 0);
    const before = await readFile(join(folder, 'root.pem'), 'utf8');
    const again = await runHere(words);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /nothing was done/);
    assert.equal(await readFile(join(folder, 'root.pem'), 'utf8'), before);
    // What is there and is no whole authority is no reason to begin.
    await writeFile(join(place, 'other'), '');
    assert.equal((await runHere([...words.slice(0, 3), place, ...words.slice(4)])).code, 3);
  } finally {
    await rm(place, { recursive: true });
  }
});
