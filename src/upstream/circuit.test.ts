import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { type Attempt, createCircuit } from './circuit.ts';

function circuit() {
  const clock = steppedClock(0);
  const turns: number[] = [];
  const limits = { failures: 3, openMilliseconds: 1_000, longestOpenMilliseconds: 3_000 };
  const made = createCircuit(clock, limits, (milliseconds) => turns.push(milliseconds));
  const goes = (): Attempt => {
    const attempt = made.attempt();
    assert.ok(typeof attempt !== 'number', 'the circuit lets nothing through');
    return attempt;
  };
  const open = (): void => {
    for (let failure = 0; failure < 3; failure++) goes().failed();
  };
  return { clock, turns, made, goes, open };
}

test('T7 a circuit opens after so many failures in a row, and says how long to wait', () => {
  const { clock, made, open, turns } = circuit();
  open();
  assert.equal(made.state, 'open');
  assert.equal(made.attempt(), 1_000);
  clock.advance(400);
  assert.equal(made.attempt(), 600);
  assert.deepEqual(turns, [1_000]);
});

test('T7 a success between failures keeps a circuit closed', () => {
  const { made, goes } = circuit();
  for (let round = 0; round < 10; round++) {
    goes().failed();
    goes().failed();
    goes().succeeded();
  }
  assert.equal(made.state, 'closed');
});

test('T7 half-open, one call at a time tries; its success closes the circuit', () => {
  const { clock, made, goes, open, turns } = circuit();
  open();
  clock.advance(1_000);
  assert.equal(made.state, 'half-open');
  const trial = goes();
  assert.equal(typeof made.attempt(), 'number');
  trial.succeeded();
  assert.equal(made.state, 'closed');
  goes();
  goes();
  assert.deepEqual(turns, [1_000, 0]);
});

test('T7 a trial that fails opens the circuit for twice as long, up to a longest time, and a success starts over', () => {
  const { clock, goes, open, turns } = circuit();
  open();
  for (let round = 0; round < 3; round++) {
    clock.advance(3_000);
    goes().failed();
  }
  clock.advance(3_000);
  goes().succeeded();
  open();
  assert.deepEqual(turns, [1_000, 2_000, 3_000, 3_000, 0, 1_000]);
});

test('T7 a trial whose caller leaves decides nothing and lets the next one try', () => {
  const { clock, made, goes, open } = circuit();
  open();
  clock.advance(1_000);
  goes().undecided();
  assert.equal(made.state, 'half-open');
  goes().succeeded();
  assert.equal(made.state, 'closed');
});

test('T7 calls that began before a circuit opened do not open it for longer', () => {
  const { made, goes, turns } = circuit();
  const slow = Array.from({ length: 10 }, goes);
  for (const attempt of slow) attempt.failed();
  assert.deepEqual(turns, [1_000]);
  assert.equal(made.attempt(), 1_000);
});
