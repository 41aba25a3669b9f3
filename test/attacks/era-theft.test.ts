import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTown } from '../journeys/deployment.ts';
import { type HttpServer, openLegacyServer, openModernServer } from '../journeys/mcp-servers.ts';
import { type RawAgent, type RawAnswer, rawAgent } from '../journeys/raw-agent.ts';

interface Stage extends AsyncDisposable {
  readonly old: HttpServer;
  readonly owner: RawAgent;
  readonly thief: RawAgent;
}

/** Two servers of the legacy era and one of the modern era at one endpoint, and two agents that may do everything. */
async function stage(): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const town = opened.use(await openTown());
  const old = opened.use(await openLegacyServer());
  await town.addHttpServer('old', old.url);
  await town.addHttpServer('older', opened.use(await openLegacyServer()).url);
  await town.addHttpServer('new', opened.use(await openModernServer()).url);
  await town.permit('permit (principal, action, resource);');
  const owner = opened.use(await rawAgent(town, 'owner'));
  const thief = opened.use(await rawAgent(town, 'thief'));
  const held = opened.move();
  return { old, owner, thief, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

test('law 5 T4 T5 the question of a legacy server, asked at /mcp, is answered once, by its agent and for its call', async () => {
  await using place = await stage();
  const { owner, thief } = place;
  const call = { name: 'old__ask', arguments: {} };
  const asked = await owner.modern('tools/call', call);
  assert.equal(asked.result?.['resultType'], 'input_required');
  const [key = ''] = Object.keys(asked.result['inputRequests'] as object);
  const requestState = asked.result['requestState'];
  const answer = { requestState, inputResponses: { [key]: { action: 'accept', content: {} } } };
  const refused: Readonly<Record<string, () => Promise<RawAnswer>>> = {
    'another agent': () => thief.modern('tools/call', { ...call, ...answer }),
    'another server': () => owner.modern('tools/call', { ...call, ...answer, name: 'older__ask' }),
    'a server of the other era': () => owner.modern('tools/call', { ...call, ...answer, name: 'new__echo' }),
    'another tool': () => owner.modern('tools/call', { ...call, ...answer, name: 'old__echo' }),
    'other arguments': () => owner.modern('tools/call', { ...call, ...answer, arguments: { more: 1 } }),
  };
  for (const [who, act] of Object.entries(refused)) {
    const { error } = await act();
    assert.match(error?.data?.code ?? 'none', /^(handle|state)_unknown$/, who);
  }
  const answersSeen = (): number => place.old.seen.filter(({ body }) => body.includes('"action"')).length;
  assert.equal(answersSeen(), 0, 'no answer of anybody else reached the server');
  const done = await owner.modern('tools/call', { ...call, ...answer });
  assert.deepEqual(done.result?.['content'], [{ type: 'text', text: 'accept' }]);
  assert.equal(answersSeen(), 1);
  const again = await owner.modern('tools/call', { ...call, ...answer });
  assert.match(again.error?.data?.code ?? 'none', /^(handle|state)_unknown$/);
});

test('law 5 T4 T5 a legacy session at servers of both eras is its agent’s, and ends at all of them', async () => {
  await using place = await stage();
  const { owner, thief } = place;
  const session = await owner.initialize();
  const { result } = await owner.legacy(session, 'tools/list');
  assert.ok(result);
  const names = (result['tools'] as { name: string }[]).map(({ name }) => name);
  for (const name of ['old__echo', 'older__echo', 'new__echo']) assert.ok(names.includes(name), name);
  for (const name of ['old__echo', 'new__echo']) {
    const call = { name, arguments: { message: 'hi' } };
    assert.match(
      JSON.stringify((await owner.legacy(session, 'tools/call', call)).result),
      /(legacy|modern) hi/,
    );
    assert.equal((await thief.legacy(session, 'tools/call', call)).status, 404, name);
  }
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  assert.equal((await thief.fetch({ method: 'DELETE', headers })).status, 404);
  assert.equal((await owner.fetch({ method: 'DELETE', headers })).status, 204);
  assert.equal((await owner.legacy(session, 'tools/list')).status, 404);
});
