import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { skeletonOf } from '../../mcp/look-alike.ts';
import {
  delimiter,
  exposedName,
  exposedUri,
  nameProblem,
  realUri,
  separateServers,
} from './exposed-names.ts';

const serverName = fc
  .stringMatching(/^[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?$/)
  .filter((name) => separateServers([name]).together.length === 1);

test('T5 no two things of servers that are offered together share a name (trap: prefix delimiter also legal in names)', () => {
  const tool = fc.stringMatching(/^[A-Za-z0-9_.-]{1,10}$/);
  fc.assert(
    fc.property(serverName, tool, serverName, tool, (one, a, other, b) => {
      fc.pre(one !== other || a !== b);
      assert.notEqual(exposedName({ server: one, name: a }), exposedName({ server: other, name: b }));
    }),
    { numRuns: 2_000 },
  );
});

test('T5 things of two servers look alike only when the servers do', () => {
  const part = fc.stringMatching(/^[ab_.-]{1,4}$/);
  const server = fc.stringMatching(/^[ab]([ab._-]{0,4}[ab])?$/);
  fc.assert(
    fc.property(server, part, server, part, (one, a, other, b) => {
      fc.pre(separateServers([one, other]).together.length === 2 && one !== other);
      assert.notEqual(
        skeletonOf(exposedName({ server: one, name: a })),
        skeletonOf(exposedName({ server: other, name: b })),
      );
    }),
    { numRuns: 5_000 },
  );
});

test('T5 of servers whose names look alike none is offered with the others, and it is said which', () => {
  const { together, apart } = separateServers(['mail', 'files', 'fi1es', 'a__b', 'x..y', 'my-db', 'my_db']);
  assert.deepEqual(together, ['mail']);
  assert.deepEqual([...apart.keys()].sort(), ['a__b', 'fi1es', 'files', 'my-db', 'my_db', 'x..y']);
  assert.match(apart.get('files') ?? '', /fi1es/);
  assert.match(apart.get('a__b') ?? '', /separators/);
  assert.equal(delimiter, '__');
});

test('T5 a resource keeps its own URI behind its server, whatever it is', () => {
  fc.assert(
    fc.property(serverName, fc.string({ minLength: 1 }), (server, name) => {
      assert.deepEqual(realUri(exposedUri({ server, name })), { server, name });
    }),
  );
  assert.equal(exposedUri({ server: 'files', name: 'file:///a/{path}' }), 'mcp://files/file:///a/{path}');
  assert.ok(URL.canParse(exposedUri({ server: 'my_files.eu', name: 'file:///a' })));
  for (const uri of ['', 'mcp://', 'mcp://files', 'mcp://files/', 'file:///a', 'MCP://files/a']) {
    assert.equal(realUri(uri), null, uri);
  }
});

test('T5 a name that would become longer than MCP allows is not offered', () => {
  assert.equal(nameProblem({ server: 'files', name: 'x'.repeat(121) }), null);
  assert.match(nameProblem({ server: 'files', name: 'x'.repeat(122) }) ?? '', /128/);
});
