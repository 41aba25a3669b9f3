import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SeededRandom } from '../differential/seeded-random.ts';
import { arms } from './controls.ts';
import { Effects } from './effects.ts';
import { families } from './families/families.ts';
import { roles } from './honest-tools.ts';
import { pageOf, percent, summaryOf } from './page.ts';
import { over } from './passage.ts';
import { definitionsOf, openRangeServer } from './range-server.ts';
import { ablated, type RangeResults, runArm } from './run-range.ts';
import { wilson } from './wilson.ts';

const folder = join(import.meta.dirname, '../../docs/security');
const results = JSON.parse(readFileSync(join(folder, 'attack-range.json'), 'utf8')) as RangeResults;

test('S5 the page of the attack range is what the script writes from its results', () => {
  assert.equal(readFileSync(join(folder, 'attack-range.md'), 'utf8'), pageOf(results));
});

test('S5 the published run has every family in at least twenty variants and two hundred benign tasks in every arm, and names no control that there is not', () => {
  assert.deepEqual(Object.keys(results.arms), Object.keys(arms));
  // One that was not measured says so on the page.
  const known = new Set<string>(ablated().map(([id]) => id));
  assert.deepEqual(
    Object.keys(results.ablation).filter((id) => !known.has(id)),
    [],
  );
  for (const arm of [...Object.values(results.arms), ...Object.values(results.ablation)]) {
    assert.deepEqual(
      Object.keys(arm.families),
      families.map(({ id }) => id),
    );
    for (const letters of Object.values(arm.families)) assert.ok(letters.length >= 20);
    assert.ok(arm.benign.length >= 200);
  }
});

for (const [name, controls] of Object.entries(arms)) {
  test(`S5 the first attempts of every family come to what was published: arm ${name}`, async () => {
    const size = { variants: 2, tasks: 16 };
    const published = results.arms[name];
    assert.ok(published);
    const found = await runArm(controls, size, () => undefined);
    const first = Object.entries(published.families).map(([id, letters]) => [
      id,
      letters.slice(0, size.variants),
    ]);
    assert.deepEqual(Object.entries(found.families), first);
    assert.equal(found.benign, published.benign.slice(0, size.tasks));
  });
}

test('S5 what a run says at its end is what the page says', () => {
  const lines = summaryOf(results).split('\n');
  const page = pageOf(results);
  for (const [title, id] of [
    ['Prompt recall', 'A12'],
    ['Log scraping', 'A13'],
    ['Token reuse', 'A9'],
  ] as const) {
    const said = lines.find((line) => line.startsWith(title))?.match(/\d+ %/g) ?? [];
    const shown = Object.values(results.arms).map(({ families: found }) => {
      const letters = found[id] ?? '';
      return percent(letters.replaceAll('.', '').length, letters.length);
    });
    assert.deepEqual(said, shown, title);
    assert.ok(page.includes(`| ${title} | ${id} | ${shown[0]} (`), title);
  }
});

test('S5 a hostile server that changes nothing lists what the honest one lists', async () => {
  for (const role of roles) {
    await using server = await openRangeServer(role, 'Bearer k', {
      effects: new Effects(new SeededRandom(1)),
      guard: null,
    });
    const { result } = await over(fetch, server.url, server.key)('tools/list');
    assert.deepEqual(result?.['tools'], definitionsOf(role));
  }
});

test('S5 intervals are those of Wilson', () => {
  // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, and 0 of 20.
  const { low, high } = wilson(81, 263);
  assert.deepEqual([low.toFixed(4), high.toFixed(4)], ['0.2553', '0.3662']);
  const none = wilson(0, 20);
  assert.deepEqual([none.low.toFixed(4), none.high.toFixed(4)], ['0.0000', '0.1611']);
});
