import assert from 'node:assert/strict';
import { test } from 'node:test';
import { post } from '../../tour/raw-request.ts';
import { findOperation } from '../../src/app/admin/operations.ts';
import { openTown, type Town, until } from './deployment.ts';
import { rawAgent } from './raw-agent.ts';

interface Shown {
  readonly gateways: readonly {
    readonly gateway: string;
    readonly circuit: string;
    readonly detail: string;
  }[];
}

async function show(town: Town): Promise<Shown> {
  const actor = { name: 'a test', way: 'local' } as const;
  const shown = await findOperation('server.show').run(town.deployment.authority, { name: 'gone' }, actor);
  return shown as unknown as Shown;
}

test('T7 U9 server show says at which gateway a server is left alone, and why', async () => {
  await using town = await openTown();
  // Port 9 of loopback: nothing listens there.
  await town.addHttpServer('gone', 'http://127.0.0.1:9/mcp');
  await town.permit('permit (principal, action, resource);');
  await using agent = await rawAgent(town, 'ci-bot', { server: 'gone' });
  let gateways: Shown['gateways'] = [];
  const look = async (): Promise<void> => {
    ({ gateways } = await show(town));
  };
  await until(() => gateways.length === 1, look);
  assert.equal(gateways[0]?.circuit, 'closed');
  for (let call = 0; call < 6; call++) await agent.modern('tools/call', { name: 'x', arguments: {} });
  await until(() => gateways[0]?.circuit !== 'closed', look);
  assert.match(gateways[0]?.detail ?? '', /left alone/);

  // A gateway elsewhere says so itself, and nobody else may.
  const state = { name: 'gone', state: 'up', circuit: 'closed', agentsLeftAlone: 2, detail: '' };
  const tell = async (shown: Awaited<ReturnType<Town['issue']>>, servers: unknown): Promise<number | null> =>
    (await post(`${town.authorityUrl}/v1/servers`, shown, false, { servers }, {})).status;
  const edge = await town.issue('edge', 'gateway');
  assert.equal(await tell(edge, [{ ...state, circuit: 'ajar' }]), 400);
  assert.equal(await tell(edge, [state]), 200);
  assert.notEqual(await tell(await town.issue('ci-bot'), [{ ...state, detail: 'made up' }]), 200);
  await look();
  assert.deepEqual(gateways.map(({ gateway }) => gateway).sort(), ['edge', 'gateway']);
});
