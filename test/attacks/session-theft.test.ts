import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openTown, type Town } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';
import { openRecordedServer } from './recorded-server.ts';

const both = 'application/json, text/event-stream';

interface Agent extends AsyncDisposable {
  /** An exchange in a session of the old era. */
  legacy(verb: 'POST' | 'GET' | 'DELETE', session: string): Promise<number>;
  /** An exchange of 2026-07-28 that carries a session id although that era has none. */
  modern(verb: 'POST' | 'GET' | 'DELETE', session: string): Promise<number>;
  initialize(): Promise<string>;
}

async function agentOf(town: Town, name: string, server: string): Promise<Agent> {
  await town.addAgent(name);
  const fetch = mutualFetch(await town.issue(name));
  const url = town.endpoint(server);
  const send = async (verb: string, headers: Record<string, string>, message: object): Promise<Response> => {
    const body = verb === 'POST' ? { body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }) } : {};
    const response = await fetch(url, {
      method: verb,
      headers: {
        'content-type': 'application/json',
        accept: verb === 'GET' ? 'text/event-stream' : both,
        ...headers,
      },
      ...body,
    });
    await response.text();
    return response;
  };
  return {
    async legacy(verb, session) {
      const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
      return (await send(verb, headers, { method: 'ping' })).status;
    },
    async modern(verb, session) {
      const _meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      };
      const headers = {
        'mcp-session-id': session,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/list',
      };
      return (await send(verb, headers, { method: 'tools/list', params: { _meta } })).status;
    },
    async initialize() {
      const clientInfo = { name: 'raw', version: '1' };
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
      return (await send('POST', {}, { method: 'initialize', params })).headers.get('mcp-session-id') ?? '';
    },
    [Symbol.asyncDispose]: () => fetch[Symbol.asyncDispose](),
  };
}

for (const engine of ['wire', 'node'] as const) {
  describe(`T6 law 5 a stolen session with the ${engine} engine (trap: session not tied to principal)`, () => {
    test('works on no verb and in no era, reaches no server, is in the log under the thief, and its owner goes on', async () => {
      await using server = await openRecordedServer();
      await using town = await openTown({}, { engine });
      await town.addHttpServer('files', server.url);
      await town.addHttpServer('other', server.url);
      await town.permit('permit (principal, action, resource);');
      await using owner = await agentOf(town, 'owner', 'files');
      await using thief = await agentOf(town, 'thief', 'files');
      const session = await owner.initialize();
      assert.match(session, /^[\w.-]{40,}$/);
      const own = await thief.initialize();
      assert.notEqual(own, session);
      const before = server.seen.length;
      for (const verb of ['POST', 'GET', 'DELETE'] as const) {
        assert.equal(await thief.legacy(verb, session), 404, verb);
        // Altered, cut off, joined with its own: no better.
        assert.equal(await thief.legacy(verb, session.slice(0, -1)), 404, verb);
        assert.equal(await thief.legacy(verb, `${own.slice(0, 20)}${session.slice(20)}`), 404, verb);
        assert.ok(
          (await thief.modern(verb, session)) >= 400 || !sessionsSeen(server.seen.slice(before)),
          verb,
        );
      }
      assert.equal(sessionsSeen(server.seen.slice(before)), false);
      assert.equal(await owner.legacy('POST', session), 200);
      // Nor does it work for its owner at another server.
      await using elsewhere = await agentOf(town, 'third', 'other');
      assert.equal(await elsewhere.legacy('POST', session), 404);
      const misses = (await town.events()).filter(({ code }) => code === 'session_unknown');
      assert.equal(misses.filter(({ agent }) => agent === 'thief').length, 9);
    });
  });
}

function sessionsSeen(seen: readonly { readonly headers: Readonly<Record<string, unknown>> }[]): boolean {
  return seen.some(({ headers }) => headers['mcp-session-id'] !== undefined);
}
