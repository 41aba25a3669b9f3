import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { metricsText } from '../../src/telemetry/metrics-text.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { missing } from '../interop/missing.ts';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { modernRequest } from './raw-agent.ts';
import { openScriptedServer } from './scripted-server.ts';
import { openSecondGateway } from './second-gateway.ts';

const ok = { content: [], resultType: 'complete' };

/** A town with a server `files`, and an agent `alice` that may call its tool `read` and nothing else. */
async function settled(telemetry = createTelemetry()) {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await openScriptedServer({ 'tools/call': ok }));
  const town = opened.use(await openTown({}, { telemetry }));
  await town.addHttpServer('files', server.url);
  await town.addAgent('alice');
  await town.permit('permit (principal, action == Action::"tools/call", resource == Tool::"files/read");');
  const alice = opened.use(mutualFetch(await town.issue('alice')));
  const held = opened.move();
  const call = async (name: string, path = 'files'): Promise<number> => {
    const { body, headers } = modernRequest(1, 'tools/call', { name, arguments: {} });
    const response = await alice(town.endpoint(path), { method: 'POST', headers, body });
    await response.arrayBuffer();
    return response.status;
  };
  return { town, call, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function read(town: Town, path: string, accept = '*/*'): Promise<{ status: number; text: string }> {
  const url = `${town.deployment.listeners['ops']?.url}${path}`;
  const response = await fetch(url, { headers: { accept } });
  return { status: response.status, text: await response.text() };
}

test('U7 calls are counted by server, method and outcome, and timed here and at the server', async () => {
  await using place = await settled();
  const { town, call } = place;
  assert.equal(await call('read'), 200);
  assert.equal(await call('read'), 200);
  await call('write');
  await call('read', 'nobody');
  await town.events();
  const { text } = await read(town, '/metrics');
  for (const line of [
    'countersign_calls_total{server="files",method="tools/call",outcome="answered"} 2',
    'countersign_calls_total{server="files",method="tools/call",outcome="denied"} 1',
    'countersign_agent_calls_total{agent="alice",outcome="answered"} 2',
    'countersign_policy_decisions_total{decision="permit"} 2',
    'countersign_mcp_server_operation_duration_seconds_count{server="files",method="tools/call"} 2',
    'countersign_mcp_client_operation_duration_seconds_count{server="files",method="tools/call"} 2',
    'countersign_overhead_duration_seconds_count{server="files"} 2',
    'countersign_audit_events_total{log="gateway",type="call.permitted"} 2',
    'countersign_audit_writable{log="gateway"} 1',
    'countersign_registry_stale 0',
    'countersign_ready 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
  assert.match(text, /^countersign_calls_total\{server="_OTHER",method="tools\/call",outcome="\w+"\} 1$/m);
  assert.match(text, /^countersign_certificates_issued_total\{kind="agent",door="[a-z-]+"\} 1$/m);
  assert.match(text, /^countersign_own_certificate_not_after_seconds\{of="gateway"\} \d{10}$/m);
  assert.match(text, /^countersign_audit_disk_free_bytes\{log="authority"\} [1-9]\d*$/m);
  assert.doesNotMatch(text, /"nobody"/, 'a name that anybody can make up is no label');
});

test('U7 promtool finds nothing wrong with what is measured', { skip: missing('promtool') }, async () => {
  await using place = await settled();
  await place.call('read');
  const { text } = await read(place.town, '/metrics');
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', '']);
  const open = await read(place.town, '/metrics', 'application/openmetrics-text; version=1.0.0');
  assert.match(open.text, /^# TYPE countersign_calls counter$/m);
  assert.match(open.text, /# EOF\n$/);
});

test('U7 while the process drains it is not ready, and alive and started all the same', async () => {
  const telemetry = createTelemetry();
  await using place = await settled(telemetry);
  const { town } = place;
  assert.equal((await read(town, '/startupz')).status, 200);
  const release = telemetry.checks.hold('draining');
  const draining = await read(town, '/readyz?verbose');
  assert.equal(draining.status, 503);
  assert.match(draining.text, /"serving":\{"ok":false,"detail":"draining","weight":"needed"\}/);
  for (const path of ['/livez', '/healthz', '/startupz']) {
    assert.equal((await read(town, path)).status, 200, path);
  }
  release();
  assert.equal((await read(town, '/readyz')).status, 200);
});

test('U7 a gateway that no longer hears the authority is not ready, and says so in its metrics', async () => {
  await using town = await openTown();
  await using second = await openSecondGateway(town, { stalenessMilliseconds: 2_000 });
  const { gateway, telemetry } = second;
  await until(() => gateway.view.isFresh() && telemetry.checks.health().ready);
  second.hears(false);
  await until(() => !gateway.view.isFresh());
  const { ready, parts } = telemetry.checks.health();
  assert.equal(ready, false);
  assert.deepEqual(parts['registry'], {
    ok: false,
    detail: 'not heard from the authority',
    weight: 'needed',
  });
  const metrics = metricsText(await telemetry.meters.read(), 'prometheus');
  assert.match(metrics, /^countersign_registry_stale 1$/m);
  assert.match(metrics, /^countersign_registry_age_seconds [2-9]/m);
});
