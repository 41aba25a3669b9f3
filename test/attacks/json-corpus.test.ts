import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { parseJson } from '../../src/kernel/parse-json.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { jsonCorpus } from './json-corpus.ts';
import { openRecordedServer, type RecordedServer } from './recorded-server.ts';

const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
};

/** The text of a value, or null when JSON.parse does not take it. */
function parsed(octets: Buffer): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets)) };
  } catch {
    return null;
  }
}

describe('T6 a text of the JSON corpus', () => {
  let town: Town;
  let server: RecordedServer;
  let agent: Agent;
  before(async () => {
    town = await openTown();
    server = await openRecordedServer();
    await town.addHttpServer('files', server.url);
    await town.addAgent('ci-bot');
    await town.permit('permit (principal, action, resource);');
    const { ca, cert, key } = await town.issue('ci-bot');
    agent = new Agent({ keepAlive: true, maxSockets: 1, ca, cert, key });
  });
  after(async () => {
    agent.destroy();
    await town[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** The status of a call with these octets as an argument, and what the server got of it. */
  const sent = async (
    argument: Buffer,
  ): Promise<{ readonly status: number; readonly forwarded: Buffer | null }> => {
    const before = server.seen.length;
    const body = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"x":'),
      argument,
      Buffer.from('}}}'),
    ]);
    const call = request(town.endpoint('files'), { method: 'POST', agent, headers });
    call.end(body);
    const [response] = await once(call, 'response');
    response.resume();
    await once(response, 'end');
    assert.ok(server.seen.length <= before + 1);
    return { status: response.statusCode, forwarded: server.seen[before]?.body ?? null };
  };

  test('is one of more than 200, of all three kinds, under a name of its own', () => {
    assert.ok(jsonCorpus.length > 200, String(jsonCorpus.length));
    assert.equal(new Set(jsonCorpus.map(({ name }) => name)).size, jsonCorpus.length);
    for (const kind of ['y', 'n', 'i']) assert.ok(jsonCorpus.some((one) => one.kind === kind));
  });

  for (const { kind, name, octets, taken } of jsonCorpus) {
    test(`${kind} ${name}: ${taken ? 'is forwarded as the value it is' : 'is refused and reaches nobody'}`, async () => {
      const reference = parsed(octets);
      if (kind !== 'i') assert.equal(reference !== null, taken, 'JSON.parse says otherwise');
      const { status, forwarded } = await sent(octets);
      if (!taken) {
        assert.equal(forwarded, null);
        assert.equal(status, 400);
        if (kind === 'n') assert.throws(() => parseJson(octets), { code: 'malformed_json' });
        return;
      }
      assert.equal(status, 200);
      assert.deepEqual(parseJson(octets), reference?.value);
      const { params } = JSON.parse(String(forwarded)) as { params: { arguments: { x: unknown } } };
      assert.deepEqual(params.arguments.x, reference?.value);
      // Read by another reader than the one that wrote it, it is still one text.
      assert.deepEqual(parseJson(forwarded ?? ''), JSON.parse(String(forwarded)));
    });
  }
});
