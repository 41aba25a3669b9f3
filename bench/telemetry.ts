import { countCalls } from '../src/app/telemetry/count-calls.ts';
import type { AuditEvent } from '../src/audit/events.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { readInbound } from '../src/mcp/read-message.ts';
import { withTraceContext } from '../src/mcp/with-trace-context.ts';
import { createMeters } from '../src/telemetry/meters.ts';
import { readTraceContext, traceParent } from '../src/telemetry/trace-context.ts';
import { createTracer } from '../src/telemetry/tracer.ts';

/**
 * What measuring and tracing cost a call, in processor time of this process alone: `node bench/telemetry.ts`. The counts of
 * one call, and its spans with the message serialised anew; nothing is sent.
 */
const rounds = 200_000;
const messages = [{ argumentsHash: null, id: 1, kind: 'request', method: 'tools/call', target: 'read' }];
const permitted: AuditEvent = { type: 'call.permitted', agent: 'a', server: 'files', messages };
const answered: AuditEvent = {
  type: 'call.answered',
  agent: 'a',
  server: 'files',
  messages,
  milliseconds: 1.5,
};
const meters = createMeters();
const count = countCalls(meters, { registered: () => true, agents: true });
const tracer = createTracer(
  { percent: 100, callers: 'continue' },
  { clock: systemClock, sink: () => undefined },
);
const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const body = Buffer.from(
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'read',
      arguments: { text: 'x'.repeat(100) },
      _meta: {
        traceparent: parent,
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }),
);
const headers = new Map([
  ['content-type', 'application/json'],
  ['accept', 'application/json, text/event-stream'],
  ['mcp-protocol-version', '2026-07-28'],
  ['mcp-method', 'tools/call'],
  ['mcp-name', 'read'],
]);
const lookup = { get: (name: string) => headers.get(name) ?? null, entries: () => headers.entries() };
const inbound = readInbound({ headers: lookup, body });

const works: Readonly<Record<string, () => void>> = {
  'counting a call': () => {
    meters.add('auditEvents', ['gateway', 'call.permitted']);
    count(permitted);
    meters.time('auditCommitSeconds', ['gateway'], 2);
    meters.time('overheadSeconds', ['files'], 3);
    meters.time('upstreamSeconds', ['files', 'tools/call'], 4);
    meters.add('auditEvents', ['gateway', 'call.answered']);
    count(answered);
  },
  'tracing a call': () => {
    const context = readTraceContext(parent, null);
    const span = tracer.begin({ name: 'tools/call read', kind: 'server', callers: context ? [context] : [] });
    span?.set({ 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'read', 'countersign.server': 'files' });
    for (const name of ['policy', 'tools', 'record']) span?.step(`countersign.${name}`);
    const upstream = span?.step('countersign.upstream', 'client');
    if (upstream) withTraceContext(inbound, { parent: traceParent(upstream.context), state: null });
    span?.end();
  },
};

for (const [name, work] of Object.entries(works)) {
  for (let at = 0; at < rounds / 10; at++) work();
  const before = process.cpuUsage();
  for (let at = 0; at < rounds; at++) work();
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${name}: ${((user + system) / rounds).toFixed(2)} µs\n`);
}
