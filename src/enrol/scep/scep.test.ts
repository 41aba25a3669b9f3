import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { isSignedBy, readCertificate } from '../../x509/certificate.ts';
import { crlOnly } from '../../x509/certs-only.ts';
import { pkiOperation } from './pki-operation.ts';
import { createMessageBudget } from './message-budget.ts';
import { messageOf, readAnswer, requestFor, rsaKey, selfSigned } from './scep-client.fixture.ts';
import { firstOf, issueTo, openScepTown } from './scep-town.fixture.ts';

const keys = { registration: rsaKey() };
const [first, second] = [rsaKey(), rsaKey()];
const hour = 60 * 60_000;

test('I3 SCEP: a request with a join token as challenge becomes a certificate, sealed for the key that asked', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(first, 'press');
  const content = requestFor(first, 'press', await town.token('press'));
  const nonce = Buffer.alloc(16, 5);
  const answer = await town.ask(client, {
    type: '19',
    content,
    transactionId: 'A1',
    nonce,
    cipher: 'aes256-CBC',
  });
  assert.deepEqual([answer.status, answer.transactionId], ['0', 'A1']);
  assert.deepEqual(Buffer.from(answer.recipientNonce), nonce);
  const leaf = firstOf(answer.content);
  assert.deepEqual(leaf.uris, ['spiffe://example.internal/agent/press']);
  assert.equal(isSignedBy(leaf, town.ca.issuer.certificate.publicKey), true);
  assert.equal((await town.ca.records.find(leaf.serial))?.door, 'scep');
});

test('I3 SCEP: a message that comes again gets the certificate of the first, until it is time for the next, and at once it is one', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(first, 'press');
  const content = requestFor(first, 'press', await town.token('press'));
  const ask = (transactionId: string) => town.ask(client, { type: '19', content, transactionId });
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask('A1')));
  const serials = new Set(answers.map((answer) => firstOf(answer.content).serial));
  assert.equal(serials.size, 1);
  assert.ok(serials.has(firstOf((await ask('A1')).content).serial));
  // Another transaction needs a challenge of its own, and so does another key.
  assert.equal((await ask('A2')).failInfo, '2');
  const other = { type: '19', content: requestFor(second, 'press', 'cst_none'), transactionId: 'A1' };
  assert.equal((await town.ask(selfSigned(second, 'press'), other)).failInfo, '2');
  town.ca.clock.advance(hour * 0.6);
  assert.equal((await ask('A1')).failInfo, '2');
});

test('I3 SCEP: a revoked certificate is not given out again', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(first, 'press');
  const words = { type: '19', content: requestFor(first, 'press', await town.token('press')) };
  const { serial } = firstOf((await town.ask(client, words)).content);
  await town.ca.records.revoke(serial, 'test', town.ca.clock.now());
  assert.equal((await town.ask(client, words)).failInfo, '2');
  assert.equal((await town.ask(client, { ...words, type: '20' })).failInfo, '4');
});

test('I3 SCEP: without a challenge, with one that does not count, and with one for another name nothing is given', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(first, 'press');
  const wrong: readonly (readonly [string, string | null])[] = [
    ['press', null],
    ['press', ''],
    ['press', 'secret'],
    ['other', await town.token('press')],
  ];
  for (const [name, challenge] of wrong) {
    const answer = await town.ask(client, { type: '19', content: requestFor(first, name, challenge) });
    assert.deepEqual([answer.status, answer.failInfo, answer.content], ['2', '2', null]);
  }
  assert.equal(town.ca.events.filter(({ type }) => type === 'scep.refused').length, wrong.length);
  assert.equal(
    town.ca.events.filter(({ name, type }) => type === 'certificate.issued' && name !== 'registration')
      .length,
    0,
  );
});

test('I3 SCEP: a certificate of ours renews itself for a new key, whatever the message is called', async () => {
  const town = await openScepTown(keys);
  const held = { key: first, certificate: await issueTo(town.ca, first, 'ci-bot', 'agent') };
  const content = requestFor(second, 'ci-bot', null);
  for (const type of ['17', '19']) {
    const answer = await town.ask(held, { type, content, transactionId: type });
    assert.equal(answer.status, '0', answer.why ?? '');
    const leaf = firstOf(answer.content);
    const { replaces, door } = (await town.ca.records.find(leaf.serial)) ?? {};
    assert.deepEqual([replaces, door], [readCertificate(held.certificate).serial, 'renewal']);
    const again = firstOf((await town.ask(held, { type, content, transactionId: type })).content);
    assert.equal(again.serial, leaf.serial, 'told again, and not issued again');
  }
});

test('I3 SCEP: no renewal for the old key, for another name, or signed by what is revoked, over, not ours or not to be renewed', async () => {
  const town = await openScepTown(keys);
  const certificate = await issueTo(town.ca, first, 'ci-bot', 'agent');
  const held = { key: first, certificate };
  const next = requestFor(second, 'ci-bot', null);
  const refusedWith = async (
    client: typeof held,
    content: Uint8Array,
    transactionId: string,
  ): Promise<string | null> => (await town.ask(client, { type: '17', content, transactionId })).failInfo;
  assert.equal(await refusedWith(held, requestFor(first, 'ci-bot', null), 'old key'), '2');
  assert.equal(await refusedWith(held, requestFor(second, 'other', null), 'other name'), '2');
  assert.equal(await refusedWith(selfSigned(first, 'ci-bot'), next, 'not ours'), '4');
  const { serial } = readCertificate(certificate);
  assert.equal(await refusedWith(selfSigned(first, 'ci-bot', serial), next, 'a serial of ours'), '4');
  const short = { key: first, certificate: await issueTo(town.ca, first, 'ci-bot', 'ephemeral') };
  assert.equal(await refusedWith(short, next, 'ephemeral'), '2');
  const registration = { key: keys.registration, certificate: town.registration };
  assert.equal(await refusedWith(registration, next, 'registration'), '2');
  town.ca.clock.advance(2 * hour);
  assert.equal(await refusedWith(held, next, 'over'), '2');
  const graceful = { ...town.parts, renewalGrace: 2 * hour };
  const message = messageOf(held, { type: '17', content: next, registration: town.registration });
  assert.equal(readAnswer(held, await pkiOperation(message, '', graceful)).status, '0', 'within the grace');
  await town.ca.records.revoke(readCertificate(certificate).serial, 'test', town.ca.clock.now());
  assert.equal(await refusedWith(held, next, 'revoked'), '2');
});

test('I3 SCEP: CertPoll tells what came of a transaction to the key that began it, and to no other', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(first, 'press');
  const content = requestFor(first, 'press', await town.token('press'));
  const { serial } = firstOf((await town.ask(client, { type: '19', content, transactionId: 'A1' })).content);
  const poll = { type: '20', content: Buffer.from('3000', 'hex') };
  assert.equal(firstOf((await town.ask(client, { ...poll, transactionId: 'A1' })).content).serial, serial);
  assert.equal((await town.ask(client, { ...poll, transactionId: 'A2' })).failInfo, '4');
  assert.equal((await town.ask(selfSigned(second, 'press'), { ...poll, transactionId: 'A1' })).failInfo, '4');
});

test('I3 SCEP: GetCRL is answered with the CRL in force, and certificates are not given out by serial', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(first, 'press');
  const content = Buffer.from('3000', 'hex');
  const answer = await town.ask(client, { type: '22', content });
  assert.deepEqual(Buffer.from(answer.content ?? []), Buffer.from(crlOnly(town.parts.crl())));
  assert.equal((await town.ask(client, { type: '21', content })).failInfo, '2');
  assert.equal((await town.ask(client, { type: '18', content })).failInfo, '2');
  const large = await openScepTown(keys, { crl: () => new Uint8Array(2 * 1024 * 1024) });
  assert.equal((await large.ask(client, { type: '22', content })).failInfo, '2');
});

test('I3 SCEP: DES and triple DES only when they are switched on; keys that are not RSA of 2048 bits and more never', async () => {
  const client = selfSigned(first, 'press');
  for (const cipher of ['desCBC', 'des-EDE3-CBC'] as const) {
    const closed = await openScepTown(keys);
    const content = requestFor(first, 'press', await closed.token('press'));
    assert.equal((await closed.ask(client, { type: '19', content, cipher })).failInfo, '0');
    const open = await openScepTown(keys, { legacy: true });
    const again = requestFor(first, 'press', await open.token('press'));
    assert.equal((await open.ask(client, { type: '19', content: again, cipher })).status, '0');
  }
  const town = await openScepTown(keys);
  const small = rsaKey(1_024);
  const answer = await town.ask(selfSigned(small, 'press'), {
    type: '19',
    content: requestFor(small, 'press', ''),
  });
  assert.equal(answer.failInfo, '0');
});

test('I3 SCEP: what is ours and not the client’s affair is no answer in SCEP, so that it is tried again', async () => {
  const down = new Fault('unavailable', 'down');
  const town = await openScepTown(keys, {
    challenges: async () => {
      throw down;
    },
  });
  const content = requestFor(first, 'press', 'any');
  await assert.rejects(town.ask(selfSigned(first, 'press'), { type: '19', content }), down);
});

test('I3 SCEP: forty messages at once and twenty in a second are looked at, and no more', () => {
  let now = 0;
  const take = createMessageBudget({ now: () => now, monotonic: () => now });
  const taken = (): number => {
    for (let count = 0; ; count++) {
      try {
        take();
      } catch (error) {
        assert.equal(error instanceof Fault && error.code, 'rate_exceeded');
        return count;
      }
    }
  };
  assert.equal(taken(), 40);
  now += 1_000;
  assert.equal(taken(), 20);
  now += 60_000;
  assert.equal(taken(), 40);
});

test('I3 SCEP: a key on a curve is told to go to another door', async () => {
  const town = await openScepTown(keys);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = await issueTo(town.ca, privateKey, 'ci-bot', 'agent');
  // Its signature is not even looked at.
  const message = messageOf(
    { key: first, certificate },
    { type: '17', content: Buffer.alloc(1), registration: town.registration },
  );
  const answer = readAnswer(selfSigned(first, 'x'), await town.send(message));
  assert.equal(answer.failInfo, '0');
  assert.match(answer.why ?? '', /ACME or EST/);
});
