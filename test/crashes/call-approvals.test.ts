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
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { post } from '../../tour/raw-request.ts';
import { askingPolicy } from '../journeys/asking-town.ts';
import { openTown, type Presentable } from '../journeys/deployment.ts';

/** Where the gateway dies with a call that was approved, and whether the call reached the bank. */
const steps: readonly {
  readonly at: string;
  readonly disk?: readonly [string, string];
  readonly reached: boolean;
  /** Whether the record of the permit, with the approval in it, was written. */
  readonly recorded: boolean;
}[] = [
  { at: 'used and nothing recorded', disk: ['call.permitted', 'before'], reached: false, recorded: false },
  { at: 'recorded and nothing sent', disk: ['call.permitted', 'synced'], reached: false, recorded: true },
  { at: 'the call at the bank', reached: true, recorded: true },
];

test('A4 killed right after somebody approved, a call can be made once; killed after that, it is never made twice', async () => {
  await using opened = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'countersign-approvals-'));
  opened.defer(() => rm(root, { recursive: true, force: true }));
  let arrived = 0;
  let onArrival: (response: ServerResponse) => void = () => undefined;
  const bank = createServer((request, response) => {
    request.resume().once('end', () => {
      arrived += 1;
      onArrival(response);
    });
  });
  await new Promise<void>((resolve) => bank.listen(0, '127.0.0.1', resolve));
  opened.defer(() => {
    bank.closeAllConnections();
    bank.close();
  });
  const place = await prepare(root, `http://127.0.0.1:${(bank.address() as AddressInfo).port}/mcp`);
  const pay = async (agents: string): Promise<string | null> => idIn(await call(agents, place.agent));

  // Killed as soon as the approval was answered.
  const granting = await start(place.folder, place.passphrase);
  const id = (await pay(granting.agents)) ?? '';
  const url = `${granting.authority}/v1/admin/call-approval.grant`;
  const granted = await post(url, place.operator, false, { id }, {});
  assert.equal(granted.status, 200, granted.body);
  await kill(granting.child);
  assert.equal(arrived, 0);

  for (const { at, disk, reached, recorded } of steps) {
    const folder = join(root, at.replaceAll(' ', '-'));
    await cp(place.folder, folder, { recursive: true });
    const dying = await start(folder, place.passphrase, disk);
    const dead = once(dying.child, 'exit');
    onArrival = () => void dying.child.kill('SIGKILL');
    const before: number = arrived;
    await call(dying.agents, place.agent);
    assert.deepEqual(await dead, [null, 'SIGKILL'], at);
    assert.equal(arrived - before, reached ? 1 : 0, at);
    const log = await readFile(join(dataFolder(folder).gatewayLog, 'log-00000000000000000000.jsonl'), 'utf8');
    assert.equal(log.includes(`"approval":"${id}"`), recorded, at);

    // After the restart the approval is used up, whatever became of the call.
    onArrival = (response) => void response.end();
    const again = await start(folder, place.passphrase);
    const next = await pay(again.agents);
    assert.ok(next !== null && next !== id, at);
    assert.equal(arrived - before, reached ? 1 : 0, at);
    await kill(again.child);
  }
});

function call(agents: string, as: Presentable): ReturnType<typeof post> {
  const params = { name: 'pay', arguments: { to: 'ACME' } };
  return post(`${agents}/mcp/bank`, as, false, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, {});
}

/** The id that a refusal gives to come again for. */
function idIn({ body }: Awaited<ReturnType<typeof post>>): string | null {
  const answer = JSON.parse(body) as { error?: { data?: { approval?: { id: string } } } };
  return answer.error?.data?.approval?.id ?? null;
}

interface Started {
  readonly child: ChildProcess;
  readonly agents: string;
  readonly authority: string;
}

async function start(folder: string, passphrase: string, disk: readonly string[] = []): Promise<Started> {
  const script = join(import.meta.dirname, 'gateway-on-dying-disk.ts');
  const child = spawn(process.execPath, [script, folder, passphrase, ...disk], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const [agents, authority] = [await lines.next(), await lines.next()];
  return { child, agents: String(agents.value), authority: String(authority.value) };
}

async function kill(child: ChildProcess): Promise<void> {
  const dead = once(child, 'exit');
  child.kill('SIGKILL');
  await dead;
}

async function prepare(
  root: string,
  url: string,
): Promise<{ folder: string; passphrase: string; agent: Presentable; operator: Presentable }> {
  await using town = await openTown();
  await town.addHttpServer('bank', url);
  await town.addAgent('ci-bot');
  await town.permit(askingPolicy);
  const agent = await town.issue('ci-bot');
  const operator = await town.issue('operator', 'admin');
  const { passphrase } = town;
  await town.deployment[Symbol.asyncDispose]();
  const folder = join(root, 'prepared');
  await cp(town.data.folder, folder, { recursive: true });
  return { folder, passphrase, agent, operator };
}
