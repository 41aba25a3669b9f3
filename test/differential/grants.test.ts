import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorize } from '../../src/gateway/authorize.ts';
import { standingOf } from '../../src/gateway/caller.fixture.ts';
import type { Standing } from '../../src/identity/standing.ts';
import { utf8 } from '../../src/kernel/bytes.ts';
import { Fault } from '../../src/kernel/fault.ts';
import type { Inbound } from '../../src/mcp/message.ts';
import { readInbound } from '../../src/mcp/read-message.ts';
import { compilePolicies } from '../../src/policy/compile-policies.ts';
import { type Asked, generateAsked, generateGrants, isGranted, names, policiesOf } from './grants-model.ts';
import { randomOfCase, type SeededRandom } from './seeded-random.ts';

const messages = 100_000;
const messagesOfASet = 2_500;
const seed = Number(process.env['COUNTERSIGN_DIFFERENTIAL_SEED'] ?? Date.now() % 2 ** 31);

test('A2 no request outside the grants is ever forwarded, and none inside them is refused: 100,000 messages against a model', async () => {
  process.stdout.write(`policy grants: seed ${seed}\n`);
  const standings = await everyStanding();
  const tally = { permitted: 0, refused: 0, batches: 0 };
  for (let at = 0; at * messagesOfASet < messages; at++) {
    const random = randomOfCase(seed, at);
    const grants = generateGrants(random);
    const text = policiesOf(grants);
    const policies = compilePolicies([{ name: 'grants.cedar', text }]);
    for (let sent = 0; sent < messagesOfASet; ) {
      const standing = random.pick(standings);
      const time = random.pick([0, 1_000, 2_000]);
      const batch = bodyOf(random, standing, time);
      sent += batch.asked.length;
      const allowed = batch.asked.every((asked) => isGranted(grants, asked));
      const where = `seed ${seed}, set ${at}\n${text}\n${JSON.stringify(batch.asked)}`;
      const server = batch.asked[0]?.server ?? '';
      const permit = outcomeOf(() =>
        authorize(policies, standing, batch.inbound, {
          server,
          address: '127.0.0.1',
          grant: null,
          passports: null,
          time,
          labels: null,
          touched: null,
        }),
      );
      assert.equal(permit !== null, allowed, where);
      // What is forwarded is what was judged.
      if (permit) assert.deepEqual([permit.inbound, permit.server], [batch.inbound, server], where);
      tally[permit ? 'permitted' : 'refused'] += 1;
      if (batch.asked.length > 1) tally.batches += 1;
    }
  }
  process.stdout.write(`policy grants: ${JSON.stringify(tally)}\n`);
  for (const [name, count] of Object.entries(tally)) assert.ok(count > messages / 100, `hardly any ${name}`);
});

/** The permit, or null for a refusal by policy; anything else is thrown on. */
function outcomeOf<Value>(act: () => Value): Value | null {
  try {
    return act();
  } catch (error) {
    const refusals: readonly string[] = ['denied', 'policy_error', 'call_unapproved'];
    if (error instanceof Fault && refusals.includes(error.code)) return null;
    throw error;
  }
}

async function everyStanding(): Promise<readonly Standing[]> {
  const made: Promise<Standing>[] = [];
  for (const [at, name] of names.agents.entries()) {
    for (const roles of [[], ['guest'], ['staff', 'bot'], names.roles]) {
      made.push(standingOf(name, { roles, owner: names.owners[at % names.owners.length] ?? '' }));
    }
  }
  return await Promise.all(made);
}

function bodyOf(
  random: SeededRandom,
  { agent }: Standing,
  time: number,
): { readonly asked: readonly Asked[]; readonly inbound: Inbound } {
  const count = random.once(6) ? 2 + random.below(3) : 1;
  const { name = '', owner = '', roles = [] } = agent ?? {};
  const first = generateAsked(random);
  const more = Array.from({ length: count - 1 }, () => ({ ...generateAsked(random), server: first.server }));
  const asked = [first, ...more].map((one): Asked => ({ ...one, agent: { name, owner, roles }, time }));
  const bodies = asked.map((one, id) => ({ jsonrpc: '2.0', id, method: one.method, params: paramsOf(one) }));
  const body = utf8(JSON.stringify(count === 1 ? bodies[0] : bodies));
  return { asked, inbound: readInbound({ headers, body }) };
}

function paramsOf({ method, tool, arguments: given }: Asked): object {
  if (method === 'resources/read') return { uri: 'file:///a' };
  return tool === null ? {} : { name: tool, arguments: given };
}

const sent = new Map([
  ['content-type', 'application/json'],
  ['accept', 'application/json, text/event-stream'],
  ['mcp-protocol-version', '2025-03-26'],
]);
const headers = { get: (name: string) => sent.get(name) ?? null, entries: () => sent.entries() };
