import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMeters, otherValue, secondsBuckets } from './meters.ts';
import { metricCatalogue } from './metric-catalogue.ts';
import { formatAsked, metricsText } from './metrics-text.ts';

test('U7 counters count by their labels, and what a source says is read when somebody reads', async () => {
  const meters = createMeters();
  meters.add('calls', ['files', 'tools/call', 'answered']);
  meters.add('calls', ['files', 'tools/call', 'answered'], 2);
  meters.add('calls', ['files', 'tools/call', 'denied']);
  let live = 3;
  meters.gauge('liveCalls', () => live);
  meters.gauge('serverDown', () => [[['files'], 0]]);
  assert.match(metricsText(await meters.read(), 'prometheus'), /^countersign_live_calls 3$/m);
  live = 4;
  const text = metricsText(await meters.read(), 'prometheus');
  assert.match(
    text,
    /^countersign_calls_total\{server="files",method="tools\/call",outcome="answered"\} 3$/m,
  );
  assert.match(text, /^countersign_calls_total\{server="files",method="tools\/call",outcome="denied"\} 1$/m);
  assert.match(text, /^countersign_live_calls 4$/m);
  assert.match(text, /^countersign_server_down\{server="files"\} 0$/m);
});

test('U7 a source that fails says nothing, and the others are read all the same', async () => {
  const meters = createMeters();
  meters.gauge('crlNumber', () => {
    throw new Error('no list');
  });
  meters.beforeReading(() => Promise.reject(new Error('no disk')));
  meters.gauge('liveCalls', () => 1);
  const text = metricsText(await meters.read(), 'prometheus');
  assert.doesNotMatch(text, /crl_number/);
  assert.match(text, /^countersign_live_calls 1$/m);
});

test('U7 every duration falls into the buckets at and above it, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.double({ min: 0, max: 100_000, noNaN: true })), async (durations) => {
      const meters = createMeters();
      for (const milliseconds of durations) meters.time('overheadSeconds', ['s'], milliseconds);
      const text = metricsText(await meters.read(), 'openmetrics');
      const bounds = [...secondsBuckets, Infinity];
      for (const bound of durations.length > 0 ? bounds : []) {
        const le = bound === Infinity ? '+Inf' : String(bound);
        const inside = durations.filter((milliseconds) => milliseconds / 1_000 <= bound).length;
        const line = `countersign_overhead_duration_seconds_bucket{server="s",le="${le}"} ${inside}`;
        assert.ok(text.includes(`${line}\n`), line);
      }
    }),
  );
});

test('U7 a family has at most so many rows; what is beyond is counted together', async () => {
  const meters = createMeters({ agentCalls: 2 });
  for (let at = 0; at < 100; at++) meters.add('agentCalls', [`agent-${at}`, 'answered']);
  const [agents] = (await meters.read()).filter(({ id }) => id === 'agentCalls');
  assert.deepEqual(
    agents?.series.map(({ labels, value }) => [...labels, value]),
    [
      ['agent-0', 'answered', 1],
      ['agent-1', 'answered', 1],
      [otherValue, otherValue, 98],
    ],
  );
});

test('U7 no value of a label leaves its quotes or its line', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (name) => {
      const meters = createMeters();
      meters.add('redactions', [name]);
      const lines = metricsText(await meters.read(), 'prometheus').split('\n');
      assert.equal(lines.length, 4);
      assert.match(lines[2] ?? '', /^countersign_redactions_total\{server="(?:[^"\\\n]|\\[\\n"])*"\} 1$/s);
    }),
  );
});

test('U7 OpenMetrics is written for who asks for it: families without _total, units, and an end', async () => {
  const meters = createMeters();
  meters.add('tokensIssued', []);
  const text = metricsText(await meters.read(), 'openmetrics');
  assert.match(
    text,
    /^# TYPE countersign_tokens_issued counter\ncountersign_tokens_issued_total 1\n# EOF\n$/m,
  );
  assert.equal(formatAsked('application/openmetrics-text;version=1.0.0,text/plain;q=0.5'), 'openmetrics');
  assert.equal(formatAsked('text/plain'), 'prometheus');
  assert.equal(formatAsked(null), 'prometheus');
});

test('U7 names follow Prometheus: lower case, counters end in _total, the unit is in the name, no name twice', () => {
  const rows = Object.values(metricCatalogue);
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
  for (const { name, type, unit } of rows) {
    assert.match(name, /^(countersign|process)_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    if (unit === 's') assert.match(name, /_seconds(_total)?$/);
    if (unit === 'By') assert.match(name, /_bytes$/);
  }
});
