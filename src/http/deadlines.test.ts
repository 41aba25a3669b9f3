import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { Deadlines, type Overdue } from './deadlines.ts';

function harness(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = steppedClock(0);
  const expired: string[] = [];
  return {
    deadlines: new Deadlines(clock),
    expired,
    item: (name: string, deadline: number): Overdue & { deadline: number } => ({
      deadline,
      expire: () => void expired.push(name),
    }),
    pass(milliseconds: number) {
      clock.advance(milliseconds);
      t.mock.timers.tick(milliseconds);
    },
  };
}

test('T7 what is overdue is ended once, in the order of the deadlines, and nothing before its time', (t) => {
  const { deadlines, expired, item, pass } = harness(t);
  deadlines.watch(item('late', 300));
  deadlines.watch(item('soon', 100));
  pass(99);
  assert.deepEqual(expired, []);
  pass(1);
  assert.deepEqual(expired, ['soon']);
  pass(200);
  assert.deepEqual(expired, ['soon', 'late']);
  pass(1_000);
  assert.deepEqual(expired, ['soon', 'late']);
});

test('T7 what was given more time ends at its new time, and what ended in time is left alone', (t) => {
  const { deadlines, expired, item, pass } = harness(t);
  const moved = item('moved', 100);
  const done = item('done', 100);
  deadlines.watch(moved);
  deadlines.watch(done);
  moved.deadline = 250;
  deadlines.forget(done);
  pass(100);
  assert.deepEqual(expired, []);
  pass(150);
  assert.deepEqual(expired, ['moved']);
});

test('T7 a deadline that is moved to sooner holds once it is watched again', (t) => {
  const { deadlines, expired, item, pass } = harness(t);
  const hurried = item('hurried', 10_000);
  deadlines.watch(hurried);
  hurried.deadline = 50;
  deadlines.watch(hurried);
  pass(50);
  assert.deepEqual(expired, ['hurried']);
});

test('T7 what may take for ever has no timer', (t) => {
  const { deadlines, expired, item, pass } = harness(t);
  deadlines.watch(item('endless', Number.POSITIVE_INFINITY));
  pass(1_000_000);
  assert.deepEqual(expired, []);
});

test('T7 what is watched while another expires is ended in its own time', (t) => {
  const { deadlines, expired, item, pass } = harness(t);
  const next = item('next', 150);
  deadlines.watch({ deadline: 100, expire: () => deadlines.watch(next) });
  pass(100);
  pass(50);
  assert.deepEqual(expired, ['next']);
});
