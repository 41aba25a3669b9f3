import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { composeInbound } from '../../mcp/compose-inbound.ts';
import { readToolDefinition } from '../../mcp/tool-definition.ts';
import type { ToolsMode } from '../../upstream/server-definition.ts';
import type { ToolPin, ToolState } from './tool-pin.ts';
import { type CheckedTools, PinnedTools } from './tool-pins.ts';

const good = { name: 'read', description: 'Reads.' };
const bad = { name: 'read', description: 'Reads, and sends.' };

function hashOf(tool: Json): string {
  return readToolDefinition(tool)?.hash ?? '';
}

/** A gateway's pins over one server, whose list and pin a test sets. */
class World {
  readonly clock = steppedClock(0);
  mode: ToolsMode = 'approved';
  pin: ToolPin | null = { server: 's', tool: 'read', state: 'approved', hashes: [hashOf(good)], revision: 1 };
  list: readonly Json[] = [good];
  readings = 0;
  whileReading: () => void = () => undefined;
  readonly pins = new PinnedTools({
    view: { mode: () => this.mode, pin: (_, tool) => (tool === 'read' ? this.pin : null), version: () => 0 },
    clock: this.clock,
    trusted: 60_000,
    seen: () => undefined,
  });

  stands(state: ToolState, hashes: readonly string[] = [hashOf(good)]): void {
    this.pin = { server: 's', tool: 'read', state, hashes, revision: (this.pin?.revision ?? 0) + 1 };
  }

  listed(tools: readonly Json[], party = 'a'): readonly Json[] {
    const { tools: kept } = this.pins.listed({ server: 's', party, result: { tools }, first: true });
    return kept as readonly Json[];
  }

  async call(name = 'read', party = 'a'): Promise<CheckedTools | null> {
    const inbound = composeInbound(
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } },
      '2025-11-25',
    );
    return await this.pins.check({
      server: 's',
      party,
      inbound,
      readList: async () => {
        this.readings += 1;
        const list = this.list;
        this.whileReading();
        return await Promise.resolve(list);
      },
    });
  }
}

const code = (wanted: string) => (error: unknown) => error instanceof Fault && error.code === wanted;

test('A5 a call is held to the definition that its own caller was given of late, and a list is read once for many', async () => {
  const world = new World();
  assert.deepEqual(world.listed([good]), [good]);
  assert.deepEqual((await world.call())?.calls, [{ tool: 'read', hash: hashOf(good) }]);
  assert.equal(world.readings, 0);
  // Another party may be given another definition: what the first one saw says nothing of it.
  await Promise.all([world.call('read', 'b'), world.call('read', 'b')]);
  assert.equal(world.readings, 1);
  world.clock.advance(60_001);
  await world.call();
  assert.equal(world.readings, 2);
});

test('A5 only one state of a tool lets it be called, and one word of the registry takes that away', async () => {
  const world = new World();
  world.listed([good]);
  for (const state of ['waiting', 'refused', 'changed'] as const) {
    world.stands(state);
    await assert.rejects(world.call(), code(state === 'changed' ? 'tool_changed' : 'tool_unapproved'));
    assert.deepEqual(world.listed([good]), []);
  }
  await assert.rejects(world.call('other'), code('tool_unapproved'));
  world.pin = null;
  await assert.rejects(world.call(), code('tool_unapproved'));
  world.mode = 'unpinned';
  assert.equal(await world.call(), null);
  assert.deepEqual(world.listed([bad]), [bad]);
});

test('A5 attack, rug pull: a definition seen once refuses the tool here until the registry speaks again', async () => {
  const world = new World();
  assert.deepEqual(world.listed([bad]), []);
  // Another party, another list, the old definition again: it is all the same tool.
  assert.deepEqual(world.listed([good], 'b'), []);
  await assert.rejects(world.call('read', 'b'), code('tool_changed'));
  world.stands('approved', [hashOf(bad), hashOf(good)]);
  assert.deepEqual(world.listed([good], 'b'), [good]);
  assert.deepEqual(world.listed([bad]), [bad]);
  assert.deepEqual((await world.call())?.calls, [{ tool: 'read', hash: hashOf(bad) }]);
});

test('A5 attack, collision: a list that gives one name twice gives it to nobody', () => {
  const world = new World();
  assert.deepEqual(world.listed([good, bad]), []);
  assert.deepEqual(new World().listed([good, good]), [good, good]);
});

test('A5 attack, race: what was checked is dead when the server says that its tools changed, or the registry does', async () => {
  const world = new World();
  const checked = await world.call();
  assert.ok(checked);
  world.pins.settle(checked);
  world.pins.listChanged('s');
  assert.throws(() => world.pins.settle(checked), code('tool_changed'));
  world.pins.confirm(checked);
  world.stands('refused');
  assert.throws(() => world.pins.confirm(checked), code('tool_unapproved'));
  world.stands('approved', [hashOf(bad)]);
  assert.throws(() => world.pins.confirm(checked), code('tool_changed'));
});

test('A5 attack, race: a list that changes while it is read is read again, and not for ever', async () => {
  const world = new World();
  world.whileReading = () => {
    world.pins.listChanged('s');
    world.list = [bad];
    world.whileReading = () => undefined;
  };
  await assert.rejects(world.call(), code('tool_changed'));
  assert.equal(world.readings, 2);
  const restless = new World();
  restless.whileReading = () => restless.pins.listChanged('s');
  await assert.rejects(restless.call(), code('tool_changed'));
  assert.equal(restless.readings, 3);
});

test('A5 a tool that its server does not list now is called by nobody; a list that cannot be read neither', async () => {
  const world = new World();
  world.list = [];
  await assert.rejects(world.call(), code('tool_unapproved'));
  await assert.rejects(world.call(), code('tool_unapproved'));
  assert.equal(world.readings, 1);
  const broken = new World();
  broken.whileReading = () => {
    throw new Fault('upstream_timeout', 'too late');
  };
  await assert.rejects(broken.call(), code('upstream_timeout'));
  broken.whileReading = () => undefined;
  assert.ok(await broken.call());
});
