import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { steppedClock } from '../../kernel/clock.ts';
import { FeedAge } from './feed-age.ts';

const of = 'one';

test('I7 what was held back on the way is as old as it is, however regularly it comes', () => {
  const clock = steppedClock(1_000_000);
  const age = new FeedAge(clock);
  age.compare({ of, at: 50 }, 1_000_000);
  assert.equal(age.saidAt({ of, at: 50 }), 1_000_000);
  clock.advance(9_000);
  assert.equal(age.saidAt({ of, at: 1_050 }), 1_001_000, 'eight seconds late');
  clock.advance(1_000);
  assert.equal(age.saidAt({ of, at: 2_050 }), 1_002_000, 'and still eight');
  assert.equal(age.saidAt(undefined), 1_002_000, 'what has no stamp is no younger than what came before');
});

test('I7 without stamps a feed is as young as its last octet, as it was before there were any', () => {
  const clock = steppedClock(5);
  const age = new FeedAge(clock);
  clock.advance(100);
  assert.equal(age.saidAt(undefined), 105);
});

test('I7 a stamp of a process whose clock was never compared says nothing', () => {
  const clock = steppedClock(5);
  const age = new FeedAge(clock);
  age.compare({ of, at: 1 }, 5);
  assert.equal(age.saidAt({ of: 'another', at: 1_000_000 }), Number.NEGATIVE_INFINITY);
});

test('I7 whatever the clocks, the delays and the questions are, nothing is taken for younger than it is', () => {
  const delay = fc.integer({ min: 0, max: 20_000 });
  const step = fc.record({
    pause: fc.integer({ min: 0, max: 5_000 }),
    there: delay,
    back: delay,
    ask: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { minLength: 1, maxLength: 30 }), (difference, steps) => {
      const clock = steppedClock(0);
      const age = new FeedAge(clock);
      const theirs = (): number => clock.now() + difference;
      for (const [index, { pause, there, back, ask }] of steps.entries()) {
        clock.advance(pause);
        const sentAt = clock.monotonic();
        clock.advance(there);
        const [said, stamp] = [clock.monotonic(), { of, at: theirs() }];
        clock.advance(back);
        if (ask || index === 0) age.compare(stamp, sentAt);
        assert.ok(age.saidAt(stamp) <= said);
      }
    }),
  );
});
