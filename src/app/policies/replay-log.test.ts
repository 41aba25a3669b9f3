import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLog, temporaryFolder } from '../../audit/log.fixture.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { policies } from '../../policy/question.fixture.ts';
import { registryOf, replayLog } from './replay-log.ts';

const registry = registryOf([
  { name: 'ann', owner: 'o', roles: ['guest'] },
  { name: 'bob', owner: 'o', roles: ['staff'] },
]);
const call = 'action == Action::"tools/call"';

test('A3 policy replay says which calls on record would be decided otherwise, by agent, tool and count', async () => {
  await using folder = await logOf([
    ...Array.from({ length: 3 }, () => permitted('ann', 'read')),
    permitted('ann', 'write'),
    permitted('bob', 'read'),
    refused('bob', 'write', 'denied'),
    // What was not refused by policy says nothing about policies.
    refused('bob', 'write', 'limit_reached'),
    permitted('gone', 'read'),
  ]);
  const set = policies(
    `permit (principal in Role::"guest", ${call}, resource == Tool::"files/write"); permit (principal in Role::"staff", ${call}, resource in Server::"files");`,
  );
  const { calls, looked, same, passedOver, cut } = await replayLog(folder.path, 0, {
    policies: set,
    registry,
  });
  assert.deepEqual(
    calls.map(({ change, agent, server, call: what, count }) => [change, agent, server, what, count]),
    [
      ['permitted → refused', 'ann', 'files', 'tools/call read', 3],
      ['refused → permitted', 'bob', 'files', 'tools/call write', 1],
    ],
  );
  assert.deepEqual([looked, same, passedOver, cut], [7, 2, 1, false]);
});

test('A3 a replay that depends on arguments, of which the record has a hash only, says so and does not guess', async () => {
  await using folder = await logOf([
    permitted('ann', 'read', { path: '/srv/a' }),
    permitted('ann', 'read'),
    permitted('ann', 'write', { path: '/srv/a' }),
  ]);
  const set = policies(
    `permit (principal, ${call}, resource == Tool::"files/read") when { context.arguments has path && context.arguments.path like "/srv/*" }; permit (principal, ${call}, resource == Tool::"files/write");`,
  );
  const { calls, same } = await replayLog(folder.path, 0, { policies: set, registry });
  assert.deepEqual(
    calls
      .map(({ change, call: what }) => [change, what])
      .toSorted(([a = ''], [b = '']) => a.length - b.length),
    [
      ['permitted → refused', 'tools/call read'],
      ['permitted → refused or permitted: depends on what is not on record', 'tools/call read'],
    ],
  );
  assert.equal(same, 1);
});

test('A3 a replay looks no further back than it is told, and knows calls that somebody was asked about', async () => {
  await using folder = await logOf([permitted('ann', 'read'), refused('ann', 'read', 'call_unapproved')]);
  const set = policies(
    `permit (principal, ${call}, resource); @ask("why") forbid (principal, ${call}, resource);`,
  );
  const all = await replayLog(folder.path, 0, { policies: set, registry });
  assert.deepEqual(
    all.calls.map(({ change }) => change),
    ['permitted → asked'],
  );
  assert.equal(all.same, 1);
  const none = await replayLog(folder.path, Date.parse('2030-01-01'), { policies: set, registry });
  assert.equal(none.looked, 0);
});

async function logOf(events: readonly JsonObject[]): Promise<Awaited<ReturnType<typeof temporaryFolder>>> {
  const folder = await temporaryFolder();
  await using log = await openLog(folder.path, { segmentEntries: 3 });
  for (const event of events) await log.append({ type: 'call.permitted', ...event });
  return folder;
}

function permitted(agent: string, tool: string, given: JsonObject = {}): JsonObject {
  const message = { kind: 'request', id: 1, method: 'tools/call', target: tool };
  const argumentsHash = sha256Base64url(JSON.stringify(given));
  return { agent, server: 'files', address: '10.0.0.1', messages: [{ ...message, argumentsHash }] };
}

function refused(agent: string, tool: string, code: string): JsonObject {
  return { ...permitted(agent, tool), type: 'call.refused', code };
}
