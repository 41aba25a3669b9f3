import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import { writeEnvelopedData } from '../../x509/cms-enveloped-data.ts';
import { readKeyCertificate } from '../../x509/cms-signer.ts';
import { sequence, smallInteger } from '../../x509/der.ts';
import { type Answer, messageOf, readAnswer, requestFor, rsaKey, selfSigned } from './scep-client.fixture.ts';
import { firstOf, issueTo, openScepTown, type ScepTown } from './scep-town.fixture.ts';

const keys = { registration: rsaKey() };
const [victim, attacker] = [rsaKey(), rsaKey()];

/** What a client sees of a failure, and how long it took. */
async function seen(ask: () => Promise<Answer>): Promise<{ readonly said: unknown; readonly took: number }> {
  const began = performance.now();
  const { status, failInfo, why, content } = await ask();
  return { said: { status, failInfo, why, content }, took: performance.now() - began };
}

/** Envelopes that an attacker makes of one that was overheard, and others that do not open. */
async function bentEnvelopes(town: ScepTown): Promise<Readonly<Record<string, Uint8Array>>> {
  const recipient = readKeyCertificate(town.registration);
  const overheard = writeEnvelopedData(
    requestFor(victim, 'press', await town.token('press')),
    recipient,
    'aes128-CBC',
  );
  const changed = (at: number): Uint8Array =>
    Uint8Array.from(overheard, (octet, index) => (index === at ? octet ^ 1 : octet));
  const keyAt = Buffer.from(overheard).indexOf(Buffer.from([0x04, 0x82, 0x01, 0x00])) + 4;
  const ownRequest = requestFor(attacker, 'press', 'any');
  const badlySigned = Uint8Array.from(ownRequest, (octet, index) =>
    index === ownRequest.length - 1 ? octet ^ 1 : octet,
  );
  const sealed = (content: Uint8Array): Uint8Array => writeEnvelopedData(content, recipient, 'aes128-CBC');
  return {
    'the whole of another’s message': overheard,
    'another’s with its last block changed, so that the padding is bad': changed(overheard.length - 17),
    'another’s with its first block changed, so that it is no DER': changed(overheard.length - 400),
    'another’s with the encrypted key changed': changed(keyAt + 40),
    'a request whose signature is bad': sealed(badlySigned),
    'what is no request': sealed(sequence(smallInteger(1))),
    nothing: sealed(new Uint8Array()),
    'a request of another key': sealed(requestFor(victim, 'press', 'any')),
  };
}

test('I3 SCEP: whatever is wrong with what a message encrypts, the answer is the same and comes no sooner', async () => {
  const town = await openScepTown(keys);
  const envelopes = await bentEnvelopes(town);
  const client = selfSigned(attacker, 'press');
  const said = new Map<string, unknown>();
  for (const [what, envelope] of Object.entries(envelopes)) {
    const words = { type: '19', content: new Uint8Array(), envelope };
    const failure = await seen(() => town.ask(client, words));
    said.set(what, failure.said);
    assert.ok(failure.took >= 24, `${what}: ${failure.took} ms`);
  }
  const [one] = said.values();
  for (const [what, each] of said) assert.deepEqual(each, one, what);
  assert.deepEqual(one, {
    status: '2',
    failInfo: '1',
    why: 'The message does not open, or does not hold a request that its signer has made.',
    content: null,
  });
});

test('I3 SCEP: a holder of a certificate learns no more of another’s message than a stranger', async () => {
  const town = await openScepTown(keys);
  const held = { key: attacker, certificate: await issueTo(town.ca, attacker, 'ci-bot', 'agent') };
  const envelopes = await bentEnvelopes(town);
  const readable = ['the whole of another’s message', 'a request of another key'];
  const said = new Set<string>();
  for (const [what, envelope] of Object.entries(envelopes)) {
    const failure = await seen(() => town.ask(held, { type: '17', content: new Uint8Array(), envelope }));
    assert.equal((failure.said as Answer).status, '2', what);
    if (!readable.includes(what)) said.add(JSON.stringify(failure.said));
  }
  assert.equal(said.size, 1);
});

test('I3 SCEP: what CertPoll, GetCRL and GetCert encrypt is not opened, so that it tells nothing', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(attacker, 'press');
  for (const type of ['20', '21', '22']) {
    const said = new Set<string>();
    for (const envelope of Object.values(await bentEnvelopes(town))) {
      const answer = await town.ask(client, { type, content: new Uint8Array(), envelope });
      said.add(JSON.stringify([answer.status, answer.failInfo, answer.why, answer.content]));
    }
    assert.equal(said.size, 1);
  }
});

test('I3 SCEP: an overheard message sent again as it is gives its certificate to nobody but its own key', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(victim, 'press');
  const content = requestFor(victim, 'press', await town.token('press'));
  const message = messageOf(client, { type: '19', content, registration: town.registration });
  const { serial } = firstOf(readAnswer(client, await town.send(message)).content);
  const again = await town.send(message);
  assert.equal(firstOf(readAnswer(client, again).content).serial, serial);
  const opened = readAnswer({ ...client, key: attacker }, again).content;
  assert.throws(() => firstOf(opened));
});

test('I3 SCEP: a message that was changed is told so, and one that is none is none', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(attacker, 'press');
  const content = requestFor(attacker, 'press', null);
  const message = messageOf(client, { type: '19', content, registration: town.registration });
  const bent = Uint8Array.from(message, (octet, index) => (index === message.length - 1 ? octet ^ 1 : octet));
  assert.equal(readAnswer(client, await town.send(bent)).failInfo, '1');
  await assert.rejects(town.send(Buffer.from('no CMS')), { code: 'request_invalid' });
  await assert.rejects(town.send(new Uint8Array()), { code: 'request_invalid' });
  await assert.rejects(town.send(new Uint8Array(40_000)), { code: 'too_large' });
  const short = messageOf(client, {
    type: '19',
    content,
    registration: town.registration,
    nonce: Buffer.alloc(8),
  });
  await assert.rejects(town.send(short), { code: 'request_invalid' });
});

test('I3 SCEP: whatever octets come, the door answers or refuses, and gives no certificate', async () => {
  const town = await openScepTown(keys);
  const client = selfSigned(attacker, 'press');
  const content = requestFor(attacker, 'press', null);
  const message = messageOf(client, { type: '19', content, registration: town.registration });
  const bent = fc
    .array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const copy = Uint8Array.from(message);
      for (const [at, octet] of changes) copy[at] = octet;
      return copy;
    });
  const any = fc.uint8Array({ maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 5, arbitrary: bent }, any), async (octets) => {
      try {
        await town.send(octets);
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'request_invalid', String(error));
      }
    }),
    { numRuns: 300 },
  );
  const issued = town.ca.events.filter(({ type }) => type === 'certificate.issued');
  assert.equal(issued.length, 1, 'that of the registration authority');
});
