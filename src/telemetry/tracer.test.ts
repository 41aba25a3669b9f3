import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { otlpTraces } from './otlp-traces.ts';
import type { EndedSpan } from './span.ts';
import { createSpanExporter } from './span-exporter.ts';
import type { TraceContext } from './trace-context.ts';
import { createTracer, type TracingRules } from './tracer.ts';

const caller: TraceContext = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  sampled: false,
  state: 'a=1',
};
const elsewhere = { ...caller, traceId: 'f'.repeat(32), spanId: 'e'.repeat(16) };

function tracing(rules: Partial<TracingRules> = {}) {
  const spans: EndedSpan[] = [];
  const clock = steppedClock(1_000);
  const sink = (span: EndedSpan): void => void spans.push(span);
  const tracer = createTracer({ percent: 100, callers: 'continue', ...rules }, { clock, sink });
  return { spans, clock, tracer };
}

test('U7 the trace of a caller goes on, whatever it says of sampling; a second context that differs is a link', () => {
  const { spans, clock, tracer } = tracing();
  const span = tracer.begin({ name: 'call', kind: 'server', callers: [caller, elsewhere], at: 990 });
  const step = span?.step('countersign.policy');
  clock.advance(5);
  span?.step('countersign.upstream', 'client');
  clock.advance(10);
  span?.end('upstream_timeout');
  const [policy, upstream, call] = spans;
  assert.deepEqual(
    [policy?.name, policy?.parentSpanId, policy?.error],
    ['countersign.policy', call?.spanId, null],
  );
  assert.equal(policy?.spanId, step?.context.spanId);
  assert.deepEqual([upstream?.kind, upstream?.error], ['client', 'upstream_timeout']);
  assert.deepEqual([call?.traceId, call?.parentSpanId, call?.state], [caller.traceId, caller.spanId, 'a=1']);
  assert.deepEqual([call?.startedAt, call?.endedAt], [990, 1_015]);
  assert.deepEqual(call?.links, [{ traceId: elsewhere.traceId, spanId: elsewhere.spanId }]);
  assert.equal(call?.attributes['error.type'], 'upstream_timeout');
});

test('U7 where callers are only linked a new trace begins that points to theirs', () => {
  const { spans, tracer } = tracing({ callers: 'link' });
  tracer.begin({ name: 'call', kind: 'server', callers: [caller] })?.end();
  assert.notEqual(spans[0]?.traceId, caller.traceId);
  assert.equal(spans[0]?.parentSpanId, null);
  assert.deepEqual(spans[0]?.links, [{ traceId: caller.traceId, spanId: caller.spanId }]);
});

test('U7 a share of traces is taken, the same ones by everybody, and none of zero', () => {
  const half = tracing({ percent: 50 });
  const other = tracing({ percent: 50 });
  const none = tracing({ percent: 0 });
  let taken = 0;
  for (let at = 0; at < 1_000; at++) {
    const traceId =
      at.toString(16).padStart(19, '1') +
      Math.floor((at / 1_000) * 2 ** 52)
        .toString(16)
        .padStart(13, '0');
    const callers = [{ ...caller, traceId }];
    const here = half.tracer.begin({ name: 'x', kind: 'server', callers });
    assert.equal(other.tracer.begin({ name: 'x', kind: 'server', callers }) === null, here === null);
    assert.equal(none.tracer.begin({ name: 'x', kind: 'server', callers }), null);
    if (here) taken += 1;
  }
  assert.ok(taken > 350 && taken < 650, String(taken));
});

test('U7 spans that nobody takes are given up and counted, and so many wait at most', async () => {
  let away = true;
  const got: EndedSpan[] = [];
  const exporter = createSpanExporter({
    send: (spans) => (away ? Promise.reject(new Error('away')) : Promise.resolve(void got.push(...spans))),
    explain: String,
    every: 1,
  });
  const { tracer, spans } = tracing();
  tracer.begin({ name: 'x', kind: 'server', callers: [] })?.end();
  const [span] = spans;
  assert.ok(span);
  for (let at = 0; at < 5_000; at++) exporter.sink(span);
  assert.equal(exporter.dropped(), 5_000 - 4_096);
  while (exporter.problem() === null) await new Promise((resolve) => setTimeout(resolve, 1));
  away = false;
  await exporter[Symbol.asyncDispose]();
  assert.ok(got.length > 0);
  assert.equal(exporter.sent() + exporter.dropped(), 5_000);
  assert.equal(exporter.problem(), null);
});

test('U7 spans are written as OTLP/JSON: ids in hexadecimal, nanoseconds and whole numbers as text', () => {
  const { spans, tracer } = tracing();
  tracer
    .begin({ name: 'call', kind: 'server', callers: [caller] })
    ?.set({ n: 7, s: 'x', b: true })
    .end('denied');
  const json = JSON.stringify(otlpTraces(spans, { name: 'countersign', version: '1', instance: 'i' }));
  assert.match(json, /"traceId":"0af7651916cd43dd8448eb211c80319c"/);
  assert.match(json, /"parentSpanId":"b7ad6b7169203331","traceState":"a=1","name":"call","kind":2/);
  assert.match(json, /"startTimeUnixNano":"1000000000"/);
  assert.match(json, /\{"key":"n","value":\{"intValue":"7"\}\}/);
  assert.match(json, /"status":\{"code":2,"message":"denied"\}/);
});
