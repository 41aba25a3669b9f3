import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEvent } from '../../audit/events.ts';
import type { CallLog } from '../../audit/audit-log.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { createSightings, type Seen } from './sightings.ts';

function logOf(events: AuditEvent[]): CallLog {
  return {
    append: async (event) => ({ index: events.push(event) - 1 }),
    note: (event) => void events.push(event),
  };
}

test('I12 an agent is seen when a call of its own is permitted, and at no refusal', async () => {
  const [events, told]: [AuditEvent[], Seen[]] = [[], []];
  const clock = steppedClock(1_000);
  {
    await using sightings = createSightings({
      log: logOf(events),
      clock,
      tell: async (seen) => void told.push(seen),
      complain: () => undefined,
    });
    await sightings.log.append({ type: 'call.permitted', agent: 'ci-bot' });
    clock.advance(5);
    await sightings.log.append({ type: 'call.permitted', agent: 'ci-bot' });
    await sightings.log.append({ type: 'call.refused', agent: 'thief' });
    await sightings.log.append({ type: 'call.permitted', agent: null });
  }
  assert.deepEqual(told, [{ 'ci-bot': 1_005 }]);
  assert.equal(events.length, 4, 'the log has them all');
});

test('I12 what could not be told is told with the next, and a failure that lasts is said once', async () => {
  const [told, said]: [Seen[], string[]] = [[], []];
  let down = true;
  const clock = steppedClock(1_000);
  const sightings = createSightings({
    log: logOf([]),
    clock,
    every: 1,
    tell: async (seen) => {
      if (down) throw new Error('down');
      told.push(seen);
    },
    complain: (line) => said.push(line),
  });
  await sightings.log.append({ type: 'call.permitted', agent: 'a' });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await sightings.log.append({ type: 'call.permitted', agent: 'b' });
  down = false;
  await sightings[Symbol.asyncDispose]();
  assert.deepEqual(Object.assign({}, ...told), { a: 1_000, b: 1_000 });
  assert.equal(said.length, 1);
});
