import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { policies } from '../../policy/question.fixture.ts';
import type { ToolRecord } from '../store/tool-records.ts';
import { inspectTools } from './inspect-tools.ts';

const slip = 'permit (principal, action == Action::"tools/call", resource == Tool::"files/raed");';
const fine = slip.replace('raed', 'read');

test('A3 a changed policy that names what an approved server does not have is refused; one in force is not looked at again', async () => {
  assert.deepEqual(await told('', fine, 'approved'), []);
  const refused = await told('', slip, 'approved').catch((error: unknown) => error);
  assert.ok(refused instanceof Fault && refused.code === 'policy_invalid', String(refused));
  assert.match(refused.message, /"raed"\. Did you mean "read"\?/);
  // A server that changes its tools takes nothing out of force.
  assert.deepEqual(await told(slip, `${slip}\n${fine}`, 'approved'), []);
});

test('A3 where a tool of the server waits or has changed, and for a server that is not known, there is only a warning', async () => {
  for (const state of ['waiting', 'changed', 'refused'] as const) {
    const [line = '', ...more] = await told('', slip, state);
    assert.match(line, /^Warning: a\.cedar:1:\d+: .*"raed"/);
    assert.deepEqual(more, []);
  }
  assert.match(
    (await told('', fine.replace('files', 'git'), 'approved')).join(),
    /Warning: .*"git" is not known/,
  );
});

async function told(before: string, after: string, state: ToolRecord['state']): Promise<readonly string[]> {
  const lines: string[] = [];
  const kept = { hash: '', text: '{"name":"read"}', at: 0 };
  const record: ToolRecord = {
    server: 'files',
    tool: 'read',
    state,
    revision: 1,
    first: kept,
    seen: kept,
    approved: [kept],
    decided: null,
  };
  const tools = { list: () => Promise.resolve([record]) };
  await inspectTools(policies(after), policies(before), { tools, log: (line) => lines.push(line) });
  return lines;
}
