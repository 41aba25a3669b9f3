import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { approvalCheck, decide } from '../approval/approval-queue.ts';
import { type ApprovalRule, approvableDoors } from '../approval/approval-rules.ts';
import { memoryApprovals } from '../approval/memory-approvals.ts';
import { requestFor, rsaKey, selfSigned } from './scep-client.fixture.ts';
import { firstOf, openScepTown } from './scep-town.fixture.ts';
import { transactionHash } from './enrol.ts';
import { readKeyCertificate } from '../../x509/cms-signer.ts';
import { eitherChallenges, webhookChallenges } from './webhook-challenges.ts';

const keys = { registration: rsaKey() };
const first = rsaKey();
const client = selfSigned(first, 'press');
const poll = { type: '20', content: Buffer.from('3000', 'hex') };

/** A town whose requests by SCEP wait for an administrator. */
async function openWaitingTown() {
  const rule: ApprovalRule = {
    doors: approvableDoors,
    kinds: ['agent'],
    names: [],
    action: 'wait',
    life: 3_600_000,
    byAnother: false,
  };
  const records = memoryApprovals();
  const town = await openScepTown(keys, (_parts, ca) => {
    const { audit, clock } = ca;
    const queue = { rules: async () => [rule], records, audit, clock };
    return { ca: { ...ca, checks: [approvalCheck(queue)] } };
  });
  const { audit, clock } = town.ca;
  const decided = async (state: 'granted' | 'refused'): Promise<void> => {
    const [asked] = await records.list();
    const decision = { state, by: 'grace', reason: 'unknown machine' } as const;
    await decide(asked?.id ?? '', decision, { rules: async () => [rule], records, audit, clock });
  };
  return { town, decided };
}

test('I3 SCEP: a request waits for an administrator, is asked about with CertPoll, and then given', async () => {
  const { town, decided } = await openWaitingTown();
  const content = requestFor(first, 'press', await town.token('press'));
  for (const words of [{ type: '19', content }, poll, { type: '19', content }, poll]) {
    const answer = await town.ask(client, words);
    assert.deepEqual([answer.status, answer.failInfo, answer.content], ['3', null, null]);
  }
  await decided('granted');
  const answer = await town.ask(client, poll);
  assert.equal(answer.status, '0', answer.why ?? '');
  const { serial, uris } = firstOf(answer.content);
  assert.deepEqual(uris, ['spiffe://example.internal/agent/press']);
  assert.equal(firstOf((await town.ask(client, poll)).content).serial, serial);
  assert.equal(firstOf((await town.ask(client, { type: '19', content })).content).serial, serial);
});

test('I3 SCEP: what waits is kept sealed, and is nobody else’s to ask about', async () => {
  const { town } = await openWaitingTown();
  const challenge = await town.token('press');
  await town.ask(client, { type: '19', content: requestFor(first, 'press', challenge), transactionId: 'A1' });
  const other = rsaKey();
  assert.equal((await town.ask(selfSigned(other, 'press'), { ...poll, transactionId: 'A1' })).failInfo, '4');
  assert.equal((await town.ask(client, { ...poll, transactionId: 'A2' })).failInfo, '4');
  const hash = transactionHash({ transactionId: 'A1', signer: readKeyCertificate(client.certificate) });
  const kept = await town.parts.transactions.waiting(hash, town.ca.clock.now());
  assert.ok(kept && !Buffer.from(kept.octets).includes('cst_'));
});

test('I3 SCEP: a request that an administrator refuses is told so, with the reason', async () => {
  const { town, decided } = await openWaitingTown();
  await town.ask(client, { type: '19', content: requestFor(first, 'press', await town.token('press')) });
  await decided('refused');
  const answer = await town.ask(client, poll);
  assert.deepEqual([answer.status, answer.failInfo], ['2', '2']);
  assert.match(answer.why ?? '', /unknown machine/);
});

test('I3 SCEP: a challenge that has ended while its request waited gives nothing', async () => {
  const { town, decided } = await openWaitingTown();
  await town.ask(client, { type: '19', content: requestFor(first, 'press', await town.token('press')) });
  await decided('granted');
  town.ca.clock.advance(30 * 60_000);
  assert.equal((await town.ask(client, poll)).failInfo, '2');
});

/** A town whose challenges a webhook decides about, and what it was asked. */
async function openAskingTown(say: (question: JsonObject) => JsonObject | Error) {
  const asked: JsonObject[] = [];
  const webhook = {
    async ask(question: JsonObject): Promise<JsonObject> {
      asked.push(question);
      const said = say(question);
      if (said instanceof Error) throw said;
      return said;
    },
  };
  const town = await openScepTown(keys, ({ challenges }, { agents, audit }) => {
    const asking = webhookChallenges({ webhook, agents, audit, strangers: { record: audit.append } });
    return { challenges: eitherChallenges(challenges, asking) };
  });
  return { town, asked, events: town.ca.events };
}

test('I3 SCEP: a webhook is asked about a challenge, with transaction, names and key, and says for what it counts', async () => {
  const { town, asked, events } = await openAskingTown(() => ({
    allow: true,
    owner: 'mdm',
    name: 'press',
  }));
  await town.token('press');
  const content = requestFor(first, 'press', 'from the MDM');
  const answer = await town.ask(client, { type: '19', content, transactionId: 'A1' });
  assert.equal(answer.status, '0', answer.why ?? '');
  const { keyHash, ...question } = asked[0] ?? {};
  assert.deepEqual(question, {
    type: 'scep.challenge',
    transactionId: 'A1',
    challenge: 'from the MDM',
    commonName: 'press',
    dnsNames: [],
    ipAddresses: [],
    uris: [],
    address: '192.0.2.1',
  });
  assert.ok(typeof keyHash === 'string' && keyHash.length === 43);
  assert.equal(events.find(({ type }) => type === 'scep.allowed')?.['owner'], 'mdm');
  await town.ask(client, { type: '19', content, transactionId: 'A1' });
  assert.equal(asked.length, 1, 'told again, and not asked again');
});

test('I3 SCEP: a webhook is never shown a join token', async () => {
  const { town, asked } = await openAskingTown(() => ({ allow: true }));
  for (const challenge of [await town.token('press'), 'cst_mistyped'])
    await town.ask(client, { type: '19', content: requestFor(first, 'press', challenge) });
  assert.deepEqual(asked, []);
});

const noes: Readonly<Record<string, JsonObject | Error>> = {
  'that says no': { allow: false, reason: 'unknown device' },
  'that does not answer in time': new Fault('timed_out', 'too slow'),
  'whose answer is not signed': new Fault('unavailable', 'no valid signature'),
  'that says nothing': {},
  'that says yes in a word': { allow: 'yes' },
  'that allows a kind that SCEP does not give': { allow: true, kind: 'admin' },
  'that allows the kind of the registration authority': { allow: true, kind: 'ra' },
  'that allows another name than the request states': { allow: true, name: 'other' },
  'that allows what is no name': { allow: true, name: '../press' },
  'that allows an agent that is not registered': { allow: true, name: 'unknown' },
  'that allows an agent DNS names': { allow: true, dnsNames: ['press.example.internal'] },
};
for (const [what, said] of Object.entries(noes)) {
  test(`I3 SCEP: a webhook ${what} gives nothing`, async () => {
    const { town, events } = await openAskingTown(() => said);
    await town.token('press');
    await town.token('other');
    const answer = await town.ask(client, { type: '19', content: requestFor(first, 'press', 'x') });
    assert.deepEqual([answer.status, answer.failInfo, answer.content], ['2', '2', null]);
    const issued = events.filter(
      ({ type, name }) => type === 'certificate.issued' && name !== 'registration',
    );
    assert.deepEqual(issued, []);
  });
}
