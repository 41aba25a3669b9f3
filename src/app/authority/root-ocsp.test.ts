import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthority } from '../../ca/create-authority.ts';
import { readRootAnswer, signRootOcsp } from '../../ca/root-ocsp.ts';
import { signRootCrl } from '../../ca/root-crl.ts';
import { signingKey } from '../../ca/signing-key.ts';
import { steppedClock } from '../../kernel/clock.ts';
import type { CrlEntry } from '../../x509/build-crl.ts';
import type { Crl } from '../../x509/crl.ts';
import type { OcspQuestion } from '../../x509/ocsp-request.ts';
import { memoryMeta } from '../store/memory-meta.ts';
import { openRootOcsp, type RootOcsp } from './root-ocsp.ts';

const start = 1_800_000_000_000;
const day = 24 * 60 * 60_000;

async function place() {
  const clock = steppedClock(start);
  const {
    rootCertificate: root,
    rootKey,
    intermediateCertificate,
    intermediateKey,
  } = createAuthority({
    trustDomain: 'example.internal',
    clock,
  });
  const facts = new Map<string, string>();
  const { serial } = intermediateCertificate;
  let crl: Crl | null = null;
  const sign = (revoked: boolean): Promise<readonly Uint8Array[]> =>
    signRootOcsp(
      { root, intermediates: [serial], entries: entries(revoked), now: clock.now() },
      signingKey(rootKey),
    );
  const entries = (revoked: boolean): readonly CrlEntry[] =>
    revoked ? [{ serial, revokedAt: clock.now(), reason: 'cACompromise' }] : [];
  const issuer = {
    certificate: intermediateCertificate,
    key: signingKey(intermediateKey),
    chain: [intermediateCertificate, root],
    trustDomain: 'example.internal',
  };
  const open = (): Promise<RootOcsp> =>
    openRootOcsp({
      issuers: { all: () => [issuer] },
      rootCrl: { current: () => crl },
      meta: memoryMeta(facts),
      clock,
    });
  const [first = new Uint8Array()] = await sign(false);
  const asked = readRootAnswer(first, root)?.asked;
  assert.ok(asked);
  const question: OcspQuestion = { ...asked, certId: new Uint8Array() };
  return {
    clock,
    open,
    sign,
    question,
    async list(revoked: boolean) {
      crl = await signRootCrl(
        { root, now: clock.now(), number: 2, entries: entries(revoked) },
        signingKey(rootKey),
      );
    },
  };
}

test('I7 what was kept is answered, after the next opening too, and a question about another is not its own', async () => {
  const { open, sign, question } = await place();
  const responses = await sign(false);
  await (await open()).keep(responses);
  const reply = (await open()).answer(question);
  assert.deepEqual(reply?.der, responses[0]);
  assert.equal(reply?.kept?.thisUpdate, start - 60_000);
  assert.equal((await open()).answer({ ...question, issuerKeyHash: '00' }), null);
});

test('I7 of an intermediate that nothing was said of, or whose answer is over, nothing is said (RFC 5019 §2.2.3)', async () => {
  const { open, sign, question, clock } = await place();
  const ocsp = await open();
  const unauthorized = '30030a0106';
  const said = () => Buffer.from(ocsp.answer(question)?.der ?? []).toString('hex');
  assert.equal(said(), unauthorized);
  await ocsp.keep(await sign(false));
  assert.notEqual(said(), unauthorized);
  clock.advance(366 * day);
  assert.equal(said(), unauthorized);
});

test('I7 an answer that the CRL of the root has overtaken is neither given nor taken', async () => {
  const { open, sign, question, list } = await place();
  const ocsp = await open();
  await ocsp.keep(await sign(false));
  await list(true);
  assert.equal(ocsp.answer(question)?.kept, null);
  await assert.rejects(ocsp.keep(await sign(false)), { code: 'invalid_input' });
  await ocsp.keep(await sign(true));
  assert.ok(ocsp.answer(question)?.kept);
  await list(false);
  await assert.rejects(ocsp.keep(await sign(true)), { code: 'invalid_input' });
});

test('bad input: octets of nobody, and answers that are over, are refused whole', async () => {
  const { open, sign, question, clock } = await place();
  const ocsp = await open();
  const [good = new Uint8Array(), other = new Uint8Array()] = await sign(false);
  await assert.rejects(ocsp.keep([good, new Uint8Array([0x30, 0])]), { code: 'invalid_input' });
  assert.equal(ocsp.answer(question)?.kept, null);
  clock.advance(366 * day);
  await assert.rejects(ocsp.keep([good, other]), { code: 'invalid_input' });
});
