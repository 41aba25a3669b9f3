import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import { createAttempts } from './attempts.ts';

const limits = { attemptMilliseconds: 40, totalMilliseconds: 150, attempts: 3, concurrent: 2 };
const isFault = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

test('I8 what may pass is tried again, and what will not is not', async () => {
  for (const [code, tries] of [
    ['unavailable', 3],
    ['key_refused', 1],
  ] as const) {
    let made = 0;
    const act = async (): Promise<never> => {
      made += 1;
      throw new Fault(code, 'no');
    };
    await assert.rejects(
      createAttempts({ ...limits, totalMilliseconds: 5_000 }, 'it').run(act),
      isFault(code),
    );
    assert.equal(made, tries);
  }
});

test('I8 no more signatures run at once than the limit says, and all come to their turn', async () => {
  const attempts = createAttempts({ ...limits, totalMilliseconds: 5_000 }, 'it');
  let running = 0;
  let most = 0;
  const act = async (): Promise<number> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running -= 1;
    return 1;
  };
  const made = await Promise.all(Array.from({ length: 20 }, () => attempts.run(act)));
  assert.equal(made.length, 20);
  assert.equal(most, 2);
});

test('I8 whoever waits for a turn behind a holder that hangs is told so in time, and later ones are served', async () => {
  const attempts = createAttempts(limits, 'it');
  const hang = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => reject(new Fault('timed_out', 'slow'))),
    );
  const runs = Array.from({ length: 6 }, () => attempts.run(hang));
  const before = performance.now();
  const ended = await Promise.allSettled(runs);
  assert.ok(performance.now() - before < 1_000);
  assert.ok(ended.every(({ status }) => status === 'rejected'));
  assert.equal(await attempts.run(async () => 'served'), 'served');
});
