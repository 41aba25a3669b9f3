import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '../http/exchange.ts';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { createRedactor } from '../secrets/redact.ts';
import { createAnswerGuard } from './answer-guard.ts';
import { handle } from './handle.ts';
import type { GatewayPorts } from './ports.ts';
import { reportInternal } from './report-internal.ts';

test('A2 what failed inside is in the server log with its cause, and the caller is told nothing of it', async () => {
  const lines: string[] = [];
  const records: string[] = [];
  const answers: string[] = [];
  const facts = {
    get: () => {
      throw new TypeError('canary-cause');
    },
  };
  const exchange = {
    id: 'x.1',
    method: 'POST',
    connection: { address: '127.0.0.1', facts },
    closed: new AbortController().signal,
    answered: false,
    respond: async (status: number, _headers: object, body: string) => void answers.push(`${status} ${body}`),
  };
  const ports = {
    clock: systemClock,
    guard: createAnswerGuard(createRedactor()),
    view: { trustDomain: 'example.internal' },
    policies: () => ({ version: 'v' }),
    audit: {
      append: async (event: object) => void records.push(JSON.stringify(event)),
      note: () => undefined,
    },
    log: (line: string) => void lines.push(line),
  };
  await handle(exchange as unknown as Exchange, 'files', ports as unknown as GatewayPorts);
  assert.match(lines.join('\n'), /^A request failed inside: TypeError: canary-cause\n +at /);
  assert.match(records.join('\n'), /"code":"internal"/);
  assert.match(answers.join('\n'), /^500 .*The server log has the cause/);
  assert.ok(![...records, ...answers].join('\n').includes('canary-cause'));
});

test('A2 a fault that says itself what is wrong is not repeated in the server log', () => {
  const lines: string[] = [];
  reportInternal(new Fault('denied', 'Refused.'), (line) => void lines.push(line));
  assert.deepEqual(lines, []);
});
