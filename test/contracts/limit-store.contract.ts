import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitRule } from '../../src/gateway/limit-rule.ts';
import type { Claim, Holding, LimitStore, Shortage } from '../../src/gateway/limit-store.ts';
import { aRule } from '../../src/gateway/caller.fixture.ts';
import { steppedClock } from '../../src/kernel/clock.ts';

type Clock = ReturnType<typeof steppedClock>;

/** Half past noon: 30 minutes to the end of the hour, 11.5 hours to the end of the day. */
const start = Date.UTC(2026, 10, 25, 12, 30);
const minute = 60_000;

/** What every store of limits keeps to. The factory gives a fresh, empty one that reads the given clock. */
export function limitStoreContract(
  adapter: string,
  withStore: (clock: Clock, use: (store: LimitStore) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (store: LimitStore, clock: Clock) => Promise<void>): void => {
    test(`${adapter}: ${title}`, async () => {
      const clock = steppedClock(start);
      await withStore(clock, (store) => use(store, clock));
    });
  };

  specify(
    'T7 a rate lets its burst through at once and then one call each interval',
    async (store, clock) => {
      const rule = aRule('r', ['agent'], { rate: { calls: 2, milliseconds: 1_000, burst: 3 } });
      for (let call = 0; call < 3; call++) await held(store, claim(rule));
      const { kind, milliseconds } = await short(store, claim(rule));
      assert.deepEqual([kind, Math.round(milliseconds ?? 0)], ['rate', 500]);
      clock.advance(499);
      await short(store, claim(rule));
      clock.advance(1);
      await held(store, claim(rule));
      await short(store, claim(rule));
      clock.advance(60_000);
      for (let call = 0; call < 3; call++) await held(store, claim(rule));
      await short(store, claim(rule));
    },
  );
  specify('T7 refused calls cost nothing: hammering does not put off the next one', async (store, clock) => {
    const rule = aRule('r', ['agent'], { rate: { calls: 1, milliseconds: 1_000, burst: 1 } });
    await held(store, claim(rule));
    for (let call = 0; call < 1_000; call++) await short(store, claim(rule));
    clock.advance(1_000);
    await held(store, claim(rule));
  });
  specify('T7 a place comes back when its call ends, once, and not before', async (store, clock) => {
    const rule = aRule('r', ['agent'], { concurrent: 2 });
    const first = await held(store, claim(rule));
    await held(store, claim(rule));
    clock.advance(24 * 60 * minute);
    assert.deepEqual(pick(await short(store, claim(rule))), ['concurrent', null, null]);
    await first.leave();
    await first.leave();
    await held(store, claim(rule));
    await short(store, claim(rule));
  });
  specify('T7 a budget of calls is used up until its hour or day of UTC ends', async (store, clock) => {
    const rule = aRule('r', ['agent'], {
      budget: { hour: { calls: 2, octets: null }, day: { calls: 3, octets: null } },
    });
    for (let call = 0; call < 2; call++) await (await held(store, claim(rule))).leave();
    assert.deepEqual(pick(await short(store, claim(rule))), ['calls', 'hour', 30 * minute]);
    clock.advance(30 * minute - 1);
    await short(store, claim(rule));
    clock.advance(1);
    await held(store, claim(rule));
    assert.deepEqual(pick(await short(store, claim(rule))), ['calls', 'day', 11 * 60 * minute]);
    clock.advance(11 * 60 * minute);
    await held(store, claim(rule));
  });
  specify(
    'T7 a budget of octets is counted as they are sent, and refuses from then on',
    async (store, clock) => {
      const rule = aRule('r', ['agent'], { budget: { hour: { calls: null, octets: 100 }, day: null } });
      const first = await held(store, claim(rule));
      assert.equal(await first.spend(60), null);
      assert.equal(await first.spend(40), null);
      assert.equal((await first.spend(1))?.kind, 'octets');
      await first.leave();
      assert.deepEqual(pick(await short(store, claim(rule))), ['octets', 'hour', 30 * minute]);
      clock.advance(30 * minute);
      await held(store, claim(rule));
    },
  );
  specify('T7 octets count in every budget, also behind one that is overdrawn', async (store) => {
    const budget = { hour: { calls: null, octets: 10 }, day: null };
    const [one, two] = [aRule('one', ['agent'], { budget }), aRule('two', ['agent'], { budget })];
    const first = await held(store, claim(one), claim(two));
    assert.equal((await first.spend(11))?.rule, one);
    assert.equal((await short(store, claim(one))).kind, 'octets');
    assert.equal((await short(store, claim(two))).kind, 'octets');
  });
  specify('T7 takes from every counter or from none', async (store) => {
    const wide = aRule('wide', ['agent'], {
      rate: { calls: 2, milliseconds: 60_000, burst: 2 },
      concurrent: 2,
      budget: { hour: { calls: 2, octets: null }, day: { calls: 2, octets: null } },
    });
    const narrow = aRule('narrow', ['agent'], { concurrent: 1 });
    const first = await held(store, claim(narrow));
    for (let call = 0; call < 10; call++) {
      assert.equal((await short(store, claim(wide), claim(narrow))).rule, narrow);
    }
    await first.leave();
    await held(store, claim(wide), claim(narrow));
    await held(store, claim(wide));
    await short(store, claim(wide));
  });
  specify('T7 counters of other keys and other rules are others', async (store) => {
    const rule = aRule('r', ['agent'], { concurrent: 1 });
    const other = aRule('s', ['agent'], { concurrent: 1 });
    await held(store, claim(rule, 'a'));
    await short(store, claim(rule, 'a'));
    await held(store, claim(rule, 'b'));
    await held(store, claim(other, 'a'));
  });
  specify(
    'T7 many calls at once are taken whole or not at all, and more than a limit holds never',
    async (store) => {
      const rule = aRule('r', ['agent'], { concurrent: 5 });
      await held(store, claim(rule, 'a', 3));
      assert.equal((await short(store, claim(rule, 'a', 3))).never, false);
      await held(store, claim(rule, 'a', 2));
      assert.equal((await short(store, claim(rule, 'a', 6))).never, true);
    },
  );
  specify(
    'T7 a rule that is read again keeps what was counted, under its new numbers',
    async (store, clock) => {
      const before = aRule('r', ['agent'], {
        rate: { calls: 1, milliseconds: 3_600_000, burst: 5 },
        budget: { hour: { calls: 5, octets: null }, day: null },
      });
      for (let call = 0; call < 5; call++) await (await held(store, claim(before))).leave();
      const same = aRule('r', ['agent'], { budget: { hour: { calls: 5, octets: null }, day: null } });
      assert.equal((await short(store, claim(same))).kind, 'calls');
      // A debt of hours under the old rate is not one of hours under the new.
      const faster = aRule('r', ['agent'], { rate: { calls: 10, milliseconds: 1_000, burst: 10 } });
      await short(store, claim(faster));
      clock.advance(100);
      await held(store, claim(faster));
    },
  );
  specify(
    'T7 two gateways that share the store share the limit (trap: limits per instance)',
    async (store) => {
      // Each gateway has read the rules for itself.
      const here = aRule('r', ['agent'], { concurrent: 1 });
      const there = aRule('r', ['agent'], { concurrent: 1 });
      const first = await held(store, claim(here));
      await short(store, claim(there));
      await first.leave();
      await held(store, claim(there));
    },
  );
}

function claim(rule: LimitRule, key = 'a', calls = 1): Claim {
  return { rule, key, agent: key, calls };
}

async function held(store: LimitStore, ...claims: readonly Claim[]): Promise<Holding> {
  const verdict = await store.take(claims);
  assert.ok(!verdict.shortage, `refused: ${verdict.shortage?.kind}`);
  return verdict;
}

async function short(store: LimitStore, ...claims: readonly Claim[]): Promise<Shortage> {
  const verdict = await store.take(claims);
  assert.ok(verdict.shortage, 'not refused');
  return verdict.shortage;
}

function pick({ kind, window, milliseconds }: Shortage): readonly unknown[] {
  return [kind, window, milliseconds];
}
