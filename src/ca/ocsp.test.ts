import assert from 'node:assert/strict';
import { createHash, createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { keyBits } from '../x509/extensions.ts';
import { buildOcspRequest, writeCertId } from '../x509/ocsp-request.ts';
import { isOcspSignedBy, type OcspResponse, readOcspResponse } from '../x509/ocsp-response.ts';
import { readCertificate } from '../x509/certificate.ts';
import { certify } from './certify.ts';
import { type MemoryAuthority, memoryAuthority } from './memory-authority.ts';
import { openOcspResponder, type OcspReply, type OcspResponder, type OcspSigner } from './ocsp.ts';
import { signingKey } from './signing-key.ts';
import { freshKey, specimenOrder, specimenRequest } from './specimen-request.ts';

const hour = 60 * 60_000;

async function signerOf(authority: MemoryAuthority): Promise<OcspSigner> {
  const key = freshKey();
  const request = specimenRequest('responder', {}, key);
  const certificate = await certify(
    specimenOrder({ evidence: { kind: 'ocsp', name: 'responder', door: 'admin' }, request }),
    authority,
  );
  return { certificate, key: signingKey(createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' }))) };
}

async function open(
  authority: MemoryAuthority,
  signaturesPerSecond = 1_000,
): Promise<{
  readonly responder: OcspResponder;
  readonly signed: () => number;
  readonly signer: OcspSigner;
}> {
  const { issuer, records, clock } = authority;
  const signer = await signerOf(authority);
  let count = 0;
  const key = {
    ...signer.key,
    sign(tbs: Uint8Array) {
      count += 1;
      return signer.key.sign(tbs);
    },
  };
  const responder = await openOcspResponder(
    { issuer, records, clock, life: hour, signaturesPerSecond },
    { ...signer, key },
  );
  count = 0;
  return { responder, signed: () => count, signer };
}

function certId(
  authority: MemoryAuthority,
  serial: string,
  hashAlgorithm: 'sha1' | 'sha256' = 'sha1',
): Uint8Array {
  const { subjectDer, spki } = authority.issuer.certificate;
  const hash = (octets: Uint8Array) => createHash(hashAlgorithm).update(octets).digest();
  return writeCertId({
    hashAlgorithm,
    issuerNameHash: hash(subjectDer),
    issuerKeyHash: hash(keyBits(spki)),
    serial,
  });
}

function read({ der }: OcspReply): OcspResponse {
  const response = readOcspResponse(der);
  assert.ok(typeof response === 'object');
  return response;
}

const kindOf = (reply: OcspReply): string | undefined => read(reply).answers[0]?.status.kind;

test('I7 the responder knows good, revoked, on hold and unknown, by both hashes, under a certificate for that alone', async () => {
  const authority = memoryAuthority();
  const { responder, signer } = await open(authority);
  const { serial } = await certify(specimenOrder(), authority);
  for (const algorithm of ['sha1', 'sha256'] as const) {
    const ask = () => responder.answer(buildOcspRequest([certId(authority, serial, algorithm)]));
    const good = read(await ask());
    assert.equal(good.answers[0]?.status.kind, 'good');
    assert.deepEqual(good.answers[0]?.certId, certId(authority, serial, algorithm));
    assert.ok(isOcspSignedBy(good, signer.certificate.publicKey));
    assert.deepEqual(good.certificates, [signer.certificate.der]);
  }
  const { extendedKeyUsage, ocspNoCheck, notAfter, notBefore } = readCertificate(signer.certificate.der);
  assert.deepEqual([extendedKeyUsage, ocspNoCheck], [['OCSPSigning'], true]);
  assert.ok(notAfter - notBefore <= 25 * hour);

  const ask = () => responder.answer(buildOcspRequest([certId(authority, serial)]));
  const at = authority.clock.now();
  await authority.records.revoke(serial, 'test', at, 'certificateHold');
  responder.heard(serial);
  assert.deepEqual(read(await ask()).answers[0]?.status, { kind: 'revoked', at, reason: 'certificateHold' });
  await authority.records.reinstate(serial);
  responder.heard(serial);
  assert.equal(kindOf(await ask()), 'good');
  assert.equal(kindOf(await responder.answer(buildOcspRequest([certId(authority, 'abcdef')]))), 'unknown');
  const foreign = memoryAuthority();
  assert.equal(kindOf(await responder.answer(buildOcspRequest([certId(foreign, serial)]))), 'unknown');
});

test('I7 an answer is signed once and kept until it is half over or the certificate changes', async () => {
  const authority = memoryAuthority();
  const { responder, signed } = await open(authority);
  const { serial } = await certify(specimenOrder(), authority);
  const request = buildOcspRequest([certId(authority, serial)]);
  const first = await responder.answer(request);
  assert.equal((await responder.answer(request)).der, first.der);
  assert.equal(signed(), 1);
  const moment = read(first);
  assert.equal(moment.answers[0]?.nextUpdate, authority.clock.now() + hour);
  authority.clock.advance(hour / 2);
  assert.notEqual((await responder.answer(request)).der, first.der);
  assert.equal(signed(), 2);
  responder.heard(serial);
  await responder.answer(request);
  assert.equal(signed(), 3);
});

test('I7 a certificate revoked while its answer is being signed is not kept as good', async () => {
  const authority = memoryAuthority();
  const { issuer, records, clock } = authority;
  const signer = await signerOf(authority);
  const gate = Promise.withResolvers<void>();
  let slow = false;
  const key = {
    ...signer.key,
    async sign(tbs: Uint8Array) {
      if (slow) await gate.promise;
      return await signer.key.sign(tbs);
    },
  };
  const sources = { issuer, records, clock, life: hour, signaturesPerSecond: 10 };
  const responder = await openOcspResponder(sources, { ...signer, key });
  const { serial } = await certify(specimenOrder(), authority);
  const request = buildOcspRequest([certId(authority, serial)]);
  slow = true;
  const early = responder.answer(request);
  await new Promise((resolve) => setImmediate(resolve));
  await records.revoke(serial, 'test', clock.now());
  responder.heard(serial);
  gate.resolve();
  assert.equal(kindOf(await early), 'good');
  assert.equal(kindOf(await responder.answer(request)), 'revoked');
});

test('I7 a nonce is answered live and told to no cache, and several questions in one', async () => {
  const authority = memoryAuthority();
  const { responder, signed } = await open(authority);
  const { serial } = await certify(specimenOrder(), authority);
  const nonce = new Uint8Array(32).fill(9);
  for (let round = 1; round <= 2; round++) {
    const reply = await responder.answer(buildOcspRequest([certId(authority, serial)], nonce));
    assert.equal(reply.kept, null);
    assert.deepEqual(read(reply).nonce, nonce);
    assert.equal(signed(), round);
  }
  const two = await responder.answer(
    buildOcspRequest([certId(authority, serial), certId(authority, 'abcd')]),
  );
  assert.deepEqual(
    read(two).answers.map(({ status }) => status.kind),
    ['good', 'unknown'],
  );
});

test('bad input: what is no request is answered as malformed, and more signatures than the budget with try later', async () => {
  const authority = memoryAuthority();
  const { responder } = await open(authority, 5);
  for (const octets of [new Uint8Array(), new Uint8Array([0x30, 0]), new Uint8Array(9_000)]) {
    assert.equal(readOcspResponse((await responder.answer(octets)).der), 'malformedRequest');
  }
  const { serial } = await certify(specimenOrder(), authority);
  const kept = buildOcspRequest([certId(authority, serial)]);
  await responder.answer(kept);
  const live = buildOcspRequest([certId(authority, serial)], new Uint8Array(16));
  const answers: unknown[] = [];
  for (let at = 0; at < 12; at++) answers.push(readOcspResponse((await responder.answer(live)).der));
  assert.equal(answers.filter((answer) => answer === 'tryLater').length, 3, 'nine are left of ten');
  assert.equal(kindOf(await responder.answer(kept)), 'good', 'what is kept costs nothing');
  authority.clock.advance(1_000);
  assert.equal(kindOf(await responder.answer(live)), 'good');
});

test('I7 a signer that is no responder of this issuer is refused, and the one before stays', async () => {
  const authority = memoryAuthority();
  const { responder } = await open(authority);
  const { serial } = await certify(specimenOrder(), authority);
  const key = freshKey();
  const leaf = await certify(specimenOrder({ request: specimenRequest('ci-bot', {}, key) }), authority);
  const strangers = await signerOf(memoryAuthority());
  const mixed = { certificate: (await signerOf(authority)).certificate, key: signingKey(key) };
  for (const signer of [{ certificate: leaf, key: signingKey(key) }, strangers, mixed]) {
    await assert.rejects(responder.replaceSigner(signer), { code: 'lint_failed' });
  }
  assert.equal(kindOf(await responder.answer(buildOcspRequest([certId(authority, serial)]))), 'good');
  await responder.replaceSigner(await signerOf(authority));
});

test('I7 nothing is signed beyond the end of the responder certificate', async () => {
  const authority = memoryAuthority();
  const { responder, signer } = await open(authority);
  const { serial } = await certify(specimenOrder(), authority);
  const request = buildOcspRequest([certId(authority, serial)]);
  authority.clock.advance(signer.certificate.notAfter - authority.clock.now() - 1_000);
  assert.equal(read(await responder.answer(request)).answers[0]?.nextUpdate, signer.certificate.notAfter);
  authority.clock.advance(1_000);
  assert.equal(readOcspResponse((await responder.answer(request)).der), 'internalError');
});

test('I7 a staple is the answer about that serial, and none for one that is not known', async () => {
  const authority = memoryAuthority();
  const { responder } = await open(authority);
  const { serial } = await certify(specimenOrder(), authority);
  const staple = await responder.staple(serial);
  assert.equal(kindOf({ der: staple ?? new Uint8Array(), kept: null }), 'good');
  assert.equal(await responder.staple('abcdef'), null);
});
