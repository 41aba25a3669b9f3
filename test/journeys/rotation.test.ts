import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { backUp, restore } from '../../src/app/authority/backup.ts';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { openAuthority } from '../../src/app/authority/open-authority.ts';
import { readKeyFile } from '../../src/app/authority/signing-key-file.ts';
import { readRequestFile, requestFileOf } from '../../src/app/cli/intermediate-request.ts';
import { enrol } from '../../src/bridge/enrol.ts';
import { createKeyStore } from '../../src/bridge/key-store.ts';
import { pemOfCertificate } from '../../src/ca/pem-of-certificate.ts';
import { signIntermediate } from '../../src/ca/sign-intermediate.ts';
import { signingKey } from '../../src/ca/signing-key.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { readCrl } from '../../src/x509/crl.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { openRawSession } from '../../tour/raw-request.ts';
import { openTown, type Town } from './deployment.ts';
import { runHere } from './program.ts';
import { openLegacyServer } from './mcp-servers.ts';

/** Has the root of a town sign the next intermediate. */
async function prepare({ deployment, data, passphrase }: Town): Promise<void> {
  const { rotation } = deployment.authority;
  const order = readRequestFile(requestFileOf(await rotation.request('test')));
  const key = signingKey(await readKeyFile(data.rootKey, passphrase));
  const certificate = await signIntermediate({ ...order, now: Date.now(), life: null }, key);
  await rotation.prepare({ certificate: pemOfCertificate(certificate.der) }, 'test');
}

function rootsIn(pem: string): readonly Certificate[] {
  return decodePem(pem, 'CERTIFICATE').map(readCertificate);
}

function issuerIn(pem: string): string {
  const [leaf = new Uint8Array()] = decodePem(pem, 'CERTIFICATE');
  return readCertificate(leaf).authorityKeyId ?? '';
}

test('I1 I6 I7 while an intermediate is replaced, what both have issued is let in, listed and revoked, and the old one goes when nothing of it is left', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown({}, { authority: { publicUrl: 'http://pki.example.internal' } });
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const { authority, listeners } = town.deployment;
  const shown = await town.issue('ci-bot');
  const first = issuerIn(shown.cert);
  const session = await openRawSession(town.endpoint('old'), shown);
  await prepare(town);
  assert.equal(issuerIn((await town.issue('ci-bot')).cert), first, 'prepared is not activated');
  const busy = Promise.all(Array.from({ length: 20 }, () => town.issue('ci-bot')));
  await authority.rotation.activate({ force: false }, 'test');
  const between = await busy;
  assert.ok(
    between.every(
      ({ cert }) =>
        readCertificate(decodePem(cert, 'CERTIFICATE')[1] ?? new Uint8Array()).subjectKeyId ===
        issuerIn(cert),
    ),
  );

  const fresh = await town.issue('ci-bot');
  const second = issuerIn(fresh.cert);
  assert.notEqual(second, first);
  const other = await openRawSession(town.endpoint('old'), fresh);
  for (const one of [session, other]) assert.equal((await one.ping()).status, 200);
  const { cert } = await town.issue('ci-bot');
  const [leaf = new Uint8Array()] = decodePem(cert, 'CERTIFICATE');
  assert.match(readCertificate(leaf).crlUrls[0] ?? '', new RegExp(`/crl/${second}/16/`));

  // Each issuer lists what it has issued.
  await authority.revoke({ serial: shown.serial, reason: 'test' }, 'test');
  await authority.revoke({ serial: fresh.serial, reason: 'test' }, 'test');
  await Promise.all([session.streamCut, other.streamCut]);
  const listed = async (id: string): Promise<readonly string[]> => {
    const response = await fetch(`${listeners['plain']?.url}/crl/${id}.crl`);
    return readCrl(new Uint8Array(await response.arrayBuffer())).entries.map(({ serial }) => serial);
  };
  const waited = async (id: string, serial: string): Promise<readonly string[]> => {
    for (let left = 100; !(await listed(id)).includes(serial); left -= 1) {
      assert.ok(left > 0, `${serial} is not listed`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return await listed(id);
  };
  assert.ok(!(await waited(first, shown.serial)).includes(fresh.serial));
  assert.ok(!(await waited(second, fresh.serial)).includes(shown.serial));

  const status = await authority.rotation.status();
  assert.deepEqual([status.step, status.left > 0], ['activated', true]);
  assert.ok(
    status.leaves.every(({ name }) => name === 'ci-bot' || name === 'first-admin'),
    JSON.stringify(status.leaves),
  );
  await assert.rejects(authority.rotation.retire({ force: false }, 'test'), { code: 'conflict' });
  const last = between.find((one) => issuerIn(one.cert) === first);
  await authority.rotation.retire({ force: true }, 'test');
  if (last) assert.equal((await authority.store.certificates.find(last.serial))?.state, 'revoked');
  assert.equal((await fetch(`${listeners['plain']?.url}/crl/${first}.crl`)).status, 404);
  session.close();
  other.close();
  const after = await openRawSession(town.endpoint('old'), await town.issue('ci-bot'));
  assert.equal((await after.ping()).status, 200);
  after.close();
});

test('U9 I1 I6 while a root is replaced, and in a backup of the meantime, both are trusted and handed out, both CRLs are served, and the old root ends with what is below it', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const { authority, listeners } = town.deployment;
  const { rotation } = authority;
  const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  const early = await authority.createJoinToken(order, 'test');
  const before = await town.issue('ci-bot');
  const session = await openRawSession(town.endpoint('old'), before);
  let isCut = false;
  void session.streamCut.then(() => (isCut = true));
  const admin = await readFile(join(town.data.admin, 'roots.pem'), 'utf8');
  await new Promise((resolve) => setTimeout(resolve, 5));

  // 1 Both are trusted, everywhere, before the new one issues.
  const words = ['rotate', 'root', '--folder', town.data.folder, '--passphrase-file'];
  const passphraseFile = join(town.data.folder, 'passphrase-of-test');
  await writeFile(passphraseFile, town.passphrase, { mode: 0o600 });
  const prepared = await runHere([...words, passphraseFile]);
  assert.equal(prepared.code, 0, prepared.stderr);
  const knowing = await town.issue('ci-bot');
  assert.equal(rootsIn(knowing.ca).length, 2);
  assert.equal(rootsIn(authority.describe().roots).length, 2);
  assert.notEqual(await readFile(join(town.data.admin, 'roots.pem'), 'utf8'), admin);
  const later = await authority.createJoinToken(order, 'test');
  assert.equal(later.rootFingerprint.split(',').length, 2);
  const { unaware, waiting } = await rotation.status();
  assert.ok(unaware.some((one) => 'joinToken' in one) && waiting === 3, JSON.stringify(unaware));
  await assert.rejects(rotation.activate({ force: false }, 'test'), { code: 'conflict' });

  // 2 The new one issues; who knows both goes on, whichever its certificate is of.
  await rotation.activate({ force: true }, 'test');
  const after = await town.issue('ci-bot');
  for (const shown of [knowing, after]) {
    const other = await openRawSession(town.endpoint('old'), shown);
    assert.equal((await other.ping()).status, 200);
    other.close();
  }
  assert.equal(isCut, false, 'a stream from before goes on');
  await assert.rejects(openRawSession(town.endpoint('old'), before), 'it knows the old root alone');
  for (const { subjectKeyId } of rootsIn(after.ca)) {
    const served = await fetch(`${listeners['plain']?.url}/crl/${subjectKeyId}.crl`);
    assert.equal(readCrl(new Uint8Array(await served.arrayBuffer())).number, 1);
  }

  // 3 A join token of the meantime is good at either time; the root that was trusted first vouches for the others.
  const state = await mkdtemp(join(tmpdir(), 'countersign-joined-'));
  const log = (): void => undefined;
  const enrolment = {
    authority: town.authorityUrl,
    agent: 'ci-bot',
    clock: systemClock,
    authorityFile: null,
    log,
  };
  const joining = { ...enrolment, joinToken: later.token, rootFingerprint: later.rootFingerprint };
  const joined = await enrol(createKeyStore(state, systemClock), joining);
  assert.equal(rootsIn(joined.roots ?? '').length, 2);
  const stale = { ...enrolment, joinToken: early.token, rootFingerprint: early.rootFingerprint };
  await assert.rejects(enrol(createKeyStore(join(state, 'early'), systemClock), stale));

  // 4 A backup of the meantime is in the middle of it.
  await backUp(town.data, join(state, 'copy'), systemClock);
  const restored = dataFolder(join(state, 'restored'));
  await restore(join(state, 'copy'), restored, systemClock);
  {
    const opening = { data: restored, passphrase: async () => town.passphrase, clock: systemClock, log };
    await using second = await openAuthority(opening);
    assert.deepEqual(await second.rotation.status(), await rotation.status());
  }

  // 5 The old root ends.
  await rotation.retire({ force: true }, 'test');
  assert.equal(rootsIn((await town.issue('ci-bot')).ca).length, 1);
  await session.streamCut;
  await assert.rejects(openRawSession(town.endpoint('old'), { ...knowing, ca: after.ca }));
  session.close();
  await rm(state, { recursive: true, force: true });
});
