import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '../../http/exchange.ts';
import { Fault } from '../../kernel/fault.ts';
import { InnerExchange } from './inner-exchange.ts';

interface Outer {
  readonly exchange: Exchange;
  readonly leave: () => void;
  readonly cuts: () => number;
}

/** The exchange of an agent, as far as one within it looks at it. */
function outer(): Outer {
  const closing = new AbortController();
  let cuts = 0;
  const connection = {
    id: 'c',
    address: '192.0.2.1',
    certificate: new Uint8Array([1]),
    facts: new Map([[Symbol('caller'), 'whoever']]),
    closed: closing.signal,
    rest: () => undefined,
    cut: () => void (cuts += 1),
  };
  const exchange = { query: new URLSearchParams(), closed: closing.signal, connection };
  return { exchange: exchange as unknown as Exchange, leave: () => closing.abort(), cuts: () => cuts };
}

function inner(within: Outer, signal = new AbortController().signal): InnerExchange {
  const headers = { 'mcp-method': 'tools/list' };
  return new InnerExchange(within.exchange, 'files', {
    id: 'c.1.1',
    method: 'POST',
    headers,
    body: null,
    signal,
  });
}

async function readAll(exchange: InnerExchange): Promise<string> {
  const { body } = await exchange.answer;
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
}

test('T5 an exchange with a server has the certificate and the facts of the agent’s own connection (trap: identity lost on another path)', () => {
  const whole = outer();
  const { connection, headers, path } = inner(whole);
  assert.equal(connection.certificate, whole.exchange.connection.certificate);
  assert.equal(connection.facts, whole.exchange.connection.facts);
  assert.equal(connection.address, '192.0.2.1');
  assert.equal(path, '/mcp/files');
  assert.equal(headers.get('Mcp-Method'), 'tools/list');
  assert.equal(headers.get('authorization'), null);
});

test('T5 a right that is lost at one server ends the exchange with it and not the agent’s connection', async () => {
  const whole = outer();
  const part = inner(whole);
  const stream = part.stream(200, {});
  await stream.write('data: 1\n\n');
  part.connection.cut();
  assert.ok(part.closed.aborted);
  assert.equal(whole.cuts(), 0);
  await assert.rejects(readAll(part), { code: 'unavailable' });
  await assert.rejects(stream.write('data: 2\n\n'), { code: 'unavailable' });
});

test('T5 an agent that leaves ends every exchange within its own, and a deadline says why it did', async () => {
  const whole = outer();
  const part = inner(whole);
  whole.leave();
  assert.ok(part.closed.aborted);
  const deadline = new AbortController();
  const late = inner(outer(), deadline.signal);
  late.stream(200, {});
  deadline.abort(new Fault('upstream_timeout', 'too late'));
  await assert.rejects(readAll(late), { code: 'upstream_timeout' });
});

test('T7 a server is made to wait for a reader that is slow, and let go when the reader leaves', async () => {
  const part = inner(outer());
  const stream = part.stream(200, {});
  let written = 0;
  const pouring = (async () => {
    for (;;) {
      await stream.write(new Uint8Array(10_000));
      written += 1;
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(written < 10, `${written} pieces were taken without a reader`);
  const { body } = await part.answer;
  assert.ok(!(body instanceof Uint8Array));
  const reader = body[Symbol.asyncIterator]();
  for (let read = 0; read < 30; read++) await reader.next();
  assert.ok(written >= 20);
  await reader.return?.();
  await assert.rejects(pouring, { code: 'unavailable' });
  assert.ok(part.closed.aborted);
});
