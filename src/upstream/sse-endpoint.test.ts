import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Fault } from '../kernel/fault.ts';
import { readSseEndpoint } from './sse-endpoint.ts';

const stream = new URL('https://mcp.example:8080/app/sse?tenant=1');

test('T3 the endpoint for messages is read against the URL of the stream, without its fragment', () => {
  assert.equal(readSseEndpoint('/messages?sessionId=1', stream), '/messages?sessionId=1');
  assert.equal(readSseEndpoint('messages', stream), '/app/messages');
  assert.equal(readSseEndpoint('?s=1', stream), '/app/sse?s=1');
  assert.equal(readSseEndpoint('https://mcp.example:8080/m?s=1#x', stream), '/m?s=1');
});

const elsewhere: readonly string[] = [
  'https://evil.example/m',
  '//evil.example/m',
  '\\\\evil.example\\m',
  '/\t/evil.example/m',
  'https://mcp.example/m',
  'https://mcp.example:8081/m',
  'http://mcp.example:8080/m',
  'https://user:secret@mcp.example:8080/m',
  'https://mcp.example:8080@evil.example/m',
  'http://169.254.169.254/latest/meta-data',
  'http://127.0.0.1:8080/m',
  'file:///etc/passwd',
  'data:text/plain,x',
  'javascript:0',
  'https://[::1',
  `/${'x'.repeat(5_000)}`,
];
for (const said of elsewhere) {
  test(`T3 law 8: an endpoint for messages is refused unless it is at the origin of the stream: ${said.slice(0, 40)}`, () => {
    assert.throws(() => readSseEndpoint(said, stream), { code: 'upstream_garbage' });
  });
}

test('T3 law 8: whatever a server names, what is read is a path at its own origin or a fault', () => {
  const piece = fc.constantFrom(
    '/',
    '\\',
    '//',
    ':',
    '@',
    '?',
    '#',
    '..',
    '%2f',
    'https:',
    'evil.example',
    '\t',
  );
  const said = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.array(fc.oneof(piece, fc.string({ maxLength: 4 }))).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(said, (text) => {
      try {
        const target = readSseEndpoint(text, stream);
        assert.match(target, /^\/[\x21-\x7e]*$/);
        assert.equal(new URL(stream.origin + target).origin, stream.origin);
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'upstream_garbage', String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});
