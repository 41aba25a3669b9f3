import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowMemory, FlowParty, Use } from '../../src/gateway/flow/flow-memory.ts';
import { steppedClock } from '../../src/kernel/clock.ts';

type Clock = ReturnType<typeof steppedClock>;

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 10, 26, 12);
const how = { quiet: hour, longest: 24 * hour };

const alice: FlowParty = { families: ['bot'], person: 'alice' };
const bob: FlowParty = { families: ['bot'], person: 'bob' };
const nobody: FlowParty = { families: ['bot'], person: null };

/** What every memory of flows keeps to. The factory gives a fresh, empty one that reads the given clock. */
export function flowMemoryContract(
  adapter: string,
  withMemory: (clock: Clock, use: (memory: FlowMemory) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (memory: FlowMemory, clock: Clock) => Promise<void>): void => {
    test(`${adapter}: A6 ${title}`, async () => {
      const clock = steppedClock(start);
      await withMemory(clock, (memory) => use(memory, clock));
    });
  };

  specify('nothing was used at the beginning', async (memory) => {
    assert.equal(await labels(memory, alice), '');
    assert.equal((await memory.recall(alice, { ...how, working: false })).use('private'), null);
  });
  specify('a use counts from the moment it is remembered, durable or not', async (memory) => {
    const remembered = memory.remember(alice, ['private'], aUse({}));
    assert.equal(await labels(memory, alice), 'private');
    await remembered;
    assert.equal(await labels(memory, alice), 'private');
  });
  specify('each label knows the last use that left it', async (memory) => {
    await memory.remember(alice, ['private', 'untrusted'], aUse({ target: 'read' }));
    await memory.remember(alice, ['private'], aUse({ target: 'query', at: start + 5 }));
    await memory.remember(alice, ['private'], aUse({ target: 'late news', at: start + 1 }));
    const recalled = await memory.recall(alice, { ...how, working: false });
    assert.deepEqual(recalled.labels, ['private', 'untrusted']);
    assert.equal(recalled.use('private')?.target, 'query');
    assert.equal(recalled.use('untrusted')?.target, 'read');
    assert.equal(recalled.use('destructive'), null);
  });
  specify('people and agents are kept apart', async (memory) => {
    await memory.remember(alice, ['private'], aUse({}));
    assert.equal(await labels(memory, bob), '');
    assert.equal(await labels(memory, { ...alice, families: ['other'] }), '');
  });
  specify(
    'a use for nobody in particular counts for everybody, and nobody has used what anybody has',
    async (memory) => {
      await memory.remember(nobody, ['untrusted'], aUse({}));
      await memory.remember(alice, ['private'], aUse({}));
      assert.equal(await labels(memory, alice), 'private,untrusted');
      assert.equal(await labels(memory, bob), 'untrusted');
      assert.equal(await labels(memory, nobody), 'private,untrusted');
    },
  );
  specify('agents that act for each other share what either has used', async (memory) => {
    await memory.remember({ families: ['bot', 'clerk'], person: 'alice' }, ['private'], aUse({}));
    assert.equal(await labels(memory, { families: ['clerk'], person: 'alice' }), 'private');
    assert.equal(await labels(memory, { families: ['x', 'bot'], person: 'alice' }), 'private');
    assert.equal(await labels(memory, { families: ['clerk'], person: 'bob' }), '');
  });
  specify(
    'a task is over when its agent was quiet for so long, and not while it works',
    async (memory, clock) => {
      await memory.remember(alice, ['private'], aUse({}));
      for (let each = 0; each < 5; each++) {
        clock.advance(hour - 1);
        await memory.recall(alice, { ...how, working: true });
      }
      clock.advance(hour - 1);
      assert.equal(await labels(memory, alice), 'private');
      clock.advance(2);
      assert.equal(await labels(memory, alice), '');
      // For good: the clock of another rule does not bring it back.
      assert.equal(
        (await memory.recall(alice, { quiet: 1e12, longest: 1e12, working: false })).labels.length,
        0,
      );
    },
  );
  specify(
    'a use is remembered no longer than the longest, however busy its agent is',
    async (memory, clock) => {
      await memory.remember(alice, ['private'], aUse({}));
      for (let passed = 0; passed < 24 * hour; passed += 30 * minute) {
        clock.advance(30 * minute);
        await memory.recall(alice, { ...how, working: true });
      }
      await memory.remember(alice, ['untrusted'], aUse({ at: clock.now() }));
      clock.advance(1);
      assert.equal(await labels(memory, alice), 'untrusted');
    },
  );
  specify(
    'what was used until an order to forget is forgotten, and nothing after it or of others',
    async (memory) => {
      await memory.remember(alice, ['private'], aUse({ at: start }));
      await memory.remember(alice, ['untrusted'], aUse({ at: start + 10 }));
      await memory.remember(bob, ['private'], aUse({ at: start }));
      await memory.forget({ family: 'bot', person: 'alice', until: start + 5 });
      assert.equal(await labels(memory, alice), 'untrusted');
      assert.equal(await labels(memory, bob), 'private');
      await memory.forget({ family: 'bot', person: null, until: start + 20 });
      assert.equal(await labels(memory, nobody), '');
      await memory.remember(alice, ['private'], aUse({ at: start + 30 }));
      assert.equal(await labels(memory, alice), 'private');
      await memory.forget({ family: 'unheard-of', person: null, until: start });
    },
  );
  specify('the list says whose what is and since when', async (memory, clock) => {
    await memory.remember(alice, ['private'], aUse({}));
    await memory.remember(alice, ['private'], aUse({ at: start + 7, target: 'query' }));
    assert.deepEqual(await memory.list(how), [
      {
        family: 'bot',
        person: 'alice',
        label: 'private',
        since: start,
        ...aUse({ at: start + 7, target: 'query' }),
      },
    ]);
    clock.advance(hour + 1);
    assert.deepEqual(await memory.list(how), []);
  });
}

async function labels(memory: FlowMemory, party: FlowParty): Promise<string> {
  return (await memory.recall(party, { ...how, working: false })).labels.join();
}

function aUse(change: Partial<Use>): Use {
  const use = {
    at: start,
    agent: 'bot',
    server: 'files',
    method: 'tools/call',
    target: 'read',
    exchange: 'e1',
  };
  return { ...use, ...change };
}
