import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readToolDefinition, type ToolDefinition } from '../../mcp/tool-definition.ts';
import { reportLimit, type ToolReport } from '../tools/tool-report.ts';
import { createToolReports, type ToolReports } from './tool-reports.ts';

function tool(name: string, description = ''): ToolDefinition {
  const read = readToolDefinition({ name, description });
  assert.ok(read);
  return read;
}

/** `told` holds what each message told. */
function reporting(): { readonly reports: ToolReports; readonly told: ToolReport[][]; fail: boolean } {
  const world = {
    told: [] as ToolReport[][],
    fail: false,
    complaints: 0,
    reports: createToolReports({
      tell: async (reports) => {
        if (world.fail) throw new Error('the authority is away');
        world.told.push([...reports]);
      },
      complain: () => (world.complaints += 1),
      every: 1,
    }),
  };
  return world;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test('A5 a definition is told once, and again when it is another one', async () => {
  const world = reporting();
  await using reports = world.reports;
  reports.listed('files', [tool('read'), tool('write')], true);
  await settled();
  reports.listed('files', [tool('read'), tool('write')], true);
  await settled();
  reports.listed('files', [tool('read', 'other')], false);
  await settled();
  assert.deepEqual(
    world.told.flat().map(({ server, definitions, whole }) => [server, definitions.length, whole]),
    [
      ['files', 2, true],
      ['files', 1, false],
    ],
  );
});

test('A5 what could not be told is told when the server lists again; a server that was forgotten tells all', async () => {
  const world = reporting();
  await using reports = world.reports;
  world.fail = true;
  reports.listed('files', [tool('read')], true);
  await settled();
  world.fail = false;
  reports.listed('files', [tool('read')], true);
  await settled();
  reports.forget('files');
  reports.listed('files', [tool('read')], true);
  await settled();
  assert.deepEqual(
    world.told.flat().map(({ definitions, whole }) => [definitions.length, whole]),
    [
      [1, true],
      [1, true],
    ],
  );
});

test('A5 many large definitions are told in messages that the authority takes, the whole list with the last', async () => {
  const world = reporting();
  await using reports = world.reports;
  const tools = Array.from({ length: 40 }, (_, at) => tool(`t${at}`, `"${'\\'.repeat(40_000)}`));
  reports.listed('files', tools, true);
  await settled();
  assert.ok(world.told.length > 1);
  for (const message of world.told)
    assert.ok(Buffer.byteLength(JSON.stringify({ reports: message })) <= reportLimit.bytes);
  assert.equal(world.told.flat().flatMap(({ definitions }) => definitions).length, 40);
  assert.deepEqual(
    world.told
      .flat()
      .map(({ whole }) => whole)
      .lastIndexOf(true),
    world.told.flat().length - 1,
  );
  assert.equal(world.told.flat().filter(({ whole }) => whole).length, 1);
});
