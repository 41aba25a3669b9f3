import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byWorker, type Report } from './by-worker.ts';
import { createMeters } from './meters.ts';
import { metricsText } from './metrics-text.ts';

async function report(ready: boolean, calls: number): Promise<Report> {
  const meters = createMeters();
  if (calls > 0) meters.add('calls', ['files', 'tools/call', 'answered'], calls);
  meters.gauge('residentMemory', () => 7);
  const parts = { registry: { ok: ready, detail: 'x', weight: 'needed' } } as const;
  return { health: { ready, started: true, parts }, readings: await meters.read() };
}

test('U7 a process with workers reports each by its number, and is ready while one of them is', async () => {
  const workers = new Map([
    [1, await report(false, 2)],
    [2, await report(true, 3)],
  ]);
  const { health, readings } = byWorker(await report(true, 0), workers, 3);
  assert.equal(health.ready, true);
  assert.deepEqual(health.parts['workers'], { ok: false, detail: '1 of 3 start anew', weight: 'told' });
  assert.equal(health.parts['worker 1 registry']?.ok, false);
  const text = metricsText(readings, 'prometheus');
  assert.match(
    text,
    /^countersign_calls_total\{server="files",method="tools\/call",outcome="answered",worker="2"\} 3$/m,
  );
  assert.match(text, /^process_resident_memory_bytes\{worker=""\} 7$/m);
  assert.equal(text.match(/^# TYPE process_resident_memory_bytes/gm)?.length, 1);
  assert.equal(
    byWorker(await report(true, 0), new Map([[1, await report(false, 1)]]), 1).health.ready,
    false,
  );
});
