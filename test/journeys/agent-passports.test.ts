import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/kernel/clock.ts';
import {
  delegated,
  intended,
  type Party,
  party,
} from '../../src/oauth/agent-passport/agent-passport.fixture.ts';
import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import { openTown, type Town, until } from './deployment.ts';
import { type Handle, type HttpServer, openHttpServer } from './mcp-servers.ts';
import { signingAgent } from './signing-agent.ts';

const [root, team, agent] = [party(), party(), party()];
const opened = new AsyncDisposableStack();
let town: Town;
let server: HttpServer;
/** The calls of tools that reached the server. */
const heard: JsonObject[] = [];
let ids = 0;

const answer: Handle = (request, response, body) => {
  const { id, method } = (body ?? {}) as { id?: number; method?: string };
  if (request.method !== 'POST') response.writeHead(405).end();
  else {
    if (method === 'tools/call') heard.push(body as JsonObject);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [], tools: [] } }));
  }
  return Promise.resolve();
};

/** What is delegated here and now: the records of the fixture with times around this one. */
function now(): { readonly issued: string; readonly ends: string; readonly window: JsonObject } {
  const at = systemClock.now();
  const text = (shift: number): string => new Date(at + shift).toISOString();
  return {
    issued: text(-60_000),
    ends: text(60_000),
    window: { time: { not_before: text(-60_000), not_after: text(3_600_000) } },
  };
}

const { issued, window } = now();
const dated = { authority: window, body: { issued_at: issued } };
const first = delegated(root, team, null, dated);
const second = delegated(team, agent, first, dated);

async function configure(changes: JsonObject): Promise<void> {
  const file = {
    roots: [root.did],
    agents: { 'ci-bot': [agent.did] },
    servers: { billing: {} },
    delegations: [first, second],
    ...changes,
  };
  const before = town.gateway.view.passports();
  await writeFile(join(town.data.policies, 'agent-passports.yaml'), JSON.stringify(file));
  await until(() => town.gateway.view.passports() !== before);
}

/** An intent of now for `pay`, at the gateway of the town. */
function intent(by: Party, delegation: JsonObject, given: JsonObject): JsonObject {
  ids += 1;
  return intended(by, delegation, {
    mcp_server: town.endpoint('billing'),
    arguments: given,
    nonce: ids.toString(16).padStart(32, '0'),
    issued_at: new Date(systemClock.now() - 1_000).toISOString(),
    expires_at: now().ends,
  });
}

async function pay(
  given: JsonObject,
  passport: Json | undefined,
  { as = 'ci-bot', to = 'billing' } = {},
): Promise<{ readonly status: number; readonly code: string | null }> {
  await using caller = signingAgent(await town.issue(as));
  const meta = passport === undefined ? {} : { _meta: { 'org.agent-passport/authorization': passport } };
  const params = { name: 'pay', arguments: given, ...meta };
  return await caller.send({
    url: town.endpoint(to),
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  });
}

before(async () => {
  server = opened.use(await openHttpServer(answer));
  town = opened.use(await openTown());
  for (const name of ['billing', 'files']) await town.addHttpServer(name, server.url);
  for (const name of ['ci-bot', 'other']) await town.addAgent(name);
  await town.permit('permit (principal, action, resource);');
  await configure({});
});

after(() => opened.disposeAsync());

test('O9 a call reaches a server that asks for passports under its delegation only, once, and the log says which', async () => {
  const given = { amount: 12, to: 'ada' };
  assert.deepEqual(await pay(given, undefined).then(({ status, code }) => [status, code]), [
    403,
    'passport_required',
  ]);
  assert.equal(heard.length, 0);
  const passport = intent(agent, second, given);
  assert.equal((await pay(given, passport)).status, 200);
  assert.equal((await pay(given, passport)).code, 'passport_refused');
  assert.equal((await pay({ ...given, amount: 13 }, intent(agent, second, given))).code, 'passport_refused');
  assert.equal((await pay(given, intent(agent, second, given), { as: 'other' })).code, 'passport_refused');
  assert.equal(heard.length, 1);
  const events = await town.events();
  const permitted = events.findLast((event) => event.type === 'call.permitted');
  assert.deepEqual(permitted?.['passports'], [
    {
      action: passport['action_ref'],
      agent: agent.did,
      delegation: second['delegation_id'],
      issuer: root.did,
    },
  ]);
  const reasons = events
    .filter((event) => event.type === 'call.refused')
    .map((event) => String(event['reason']));
  for (const rule of ['MCP_ACTION_REPLAY', 'MCP_ARGUMENTS_MISMATCH', 'AGENT_MISMATCH']) {
    assert.ok(
      reasons.some((reason) => reason.includes(rule)),
      rule,
    );
  }
  // A server that is not named asks for nothing.
  assert.equal((await pay(given, undefined, { to: 'files' })).status, 200);
});

test('O9 policy decides with what the chain of delegations lets the agent do', async () => {
  const given = { amount: 1, to: 'ada' };
  const permitted = async (when: string): Promise<boolean> => {
    await town.permit(`permit (principal, action, resource) when { ${when} };`);
    const before = heard.length;
    await pay(given, intent(agent, second, given));
    return heard.length > before;
  };
  const all = `context has passport && context.passport == "${root.did}"
    && context.passportScopes.contains("mcp:billing:pay") && context.passportValues.contains("privacy")
    && context.passportReputation == 80 && context.passportReversibility == "compensable"`;
  assert.equal(await permitted(all), true);
  assert.equal(await permitted('context has passport && context.passportReputation > 80'), false);
  assert.equal(await permitted('context.passportScopes.contains("payments:pay")'), false);
  await town.permit('permit (principal, action, resource);');
});

test('O9 a delegation that is revoked counts at once, and a file with a mistake never takes force', async () => {
  const given = { amount: 2, to: 'ada' };
  await configure({ revoked: [first['delegation_id'] ?? null] });
  assert.equal((await pay(given, intent(agent, second, given))).code, 'passport_refused');
  const inForce = town.gateway.view.passports();
  await writeFile(
    join(town.data.policies, 'agent-passports.yaml'),
    JSON.stringify({ servers: { billing: {} }, delegations: [first] }),
  );
  const { authority } = town.deployment;
  await until(() => authority.policyProblem() !== null);
  assert.equal(town.gateway.view.passports(), inForce);
  assert.equal((await pay(given, undefined)).code, 'passport_required');
});
