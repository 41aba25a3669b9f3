import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openTown } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { start } from '../journeys/program.ts';

/** A server that answers `initialize`, says who it is, and ends neither with its input nor when it is told to. */
const stubborn = `
  process.on('SIGTERM', () => {});
  require('node:fs').writeFileSync(process.argv[1], process.pid + ' ' + process.env.HOME);
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    if (method !== 'initialize') return;
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } };
    console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
  setInterval(() => {}, 1000);
`;

test('S3 a stdio server that ignores the end of its input does not outlive a gateway that was killed', async () => {
  const root = await mkdtemp(join(tmpdir(), 'countersign-crash-'));
  const folder = join(root, 'authority');
  const told = join(root, 'told');
  const passphraseFile = join(root, 'passphrase');
  await using town = await openTown();
  await town.addStdioServer('stubborn', [process.execPath, '-e', stubborn, told]);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  await writeFile(passphraseFile, town.passphrase, { mode: 0o600 });
  await town.deployment[Symbol.asyncDispose]();
  await cp(town.data.folder, folder, { recursive: true });

  const up = await start(['up', '--folder', folder, '--ports', 'any', '--passphrase-file', passphraseFile]);
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  };
  const answer = await fetch(`${up.first.listening['agents']}/mcp/stubborn`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  assert.equal(answer.status, 200, await answer.text());
  const [pid = '', home = ''] = (await readFile(told, 'utf8')).split(' ');
  assert.ok(lives(pid) && existsSync(home) && dirname(home) === tmpdir());
  up.child.kill('SIGKILL');
  await up[Symbol.asyncDispose]();
  // Two seconds to end by itself, two more once it is told to.
  for (let waited = 0; lives(pid) || existsSync(home); waited += 50) {
    assert.ok(waited < 15_000, 'it is still there');
    await delay(50);
  }
  await rm(root, { recursive: true, force: true });
});

/** A zombie that its new parent has not reaped yet is dead. */
function lives(pid: string): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}
