import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAuthority } from '../../src/app/authority/open-authority.ts';
import { readKeyFile } from '../../src/app/authority/signing-key-file.ts';
import { createAuthority } from '../../src/ca/create-authority.ts';
import { signRootCrl } from '../../src/ca/root-crl.ts';
import { signingKey } from '../../src/ca/signing-key.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { CrlEntry } from '../../src/x509/build-crl.ts';
import { type Crl, readCrl } from '../../src/x509/crl.ts';
import { openRawSession } from '../../tour/raw-request.ts';
import { openTown, type Town } from './deployment.ts';
import { openLegacyServer } from './mcp-servers.ts';

async function rootCrlOf(town: Town, number: number, entries: readonly CrlEntry[] = []): Promise<Crl> {
  const root = town.deployment.authority.issuer.chain.at(-1);
  assert.ok(root);
  const key = signingKey(await readKeyFile(town.data.rootKey, town.passphrase));
  return await signRootCrl({ root, now: Date.now(), number, entries }, key);
}

test('I7 an authority whose root revokes its intermediate issues nothing any more, and all it issued is refused within a second', async (context) => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const session = await openRawSession(town.endpoint('old'), await town.issue('ci-bot'));
  assert.equal((await session.ping()).status, 200);
  const { authority, listeners } = town.deployment;
  const { serial } = authority.issuer.certificate;
  const list = await rootCrlOf(town, 2, [{ serial, revokedAt: Date.now(), reason: 'cACompromise' }]);
  const began = performance.now();
  const order = authority.rootCrl.replace(list.der, 'test');
  while ((await session.ping()).status === 200) assert.ok(performance.now() - began < 5_000);
  await session.streamCut;
  const took = performance.now() - began;
  context.diagnostic(`refused and cut in ${took.toFixed(0)} ms`);
  assert.ok(took < 1_000);
  await order;
  session.close();
  await assert.rejects(town.issue('ci-bot'), { code: 'certificate_revoked' });
  const root = authority.issuer.chain.at(-1)?.subjectKeyId;
  const served = await fetch(`${listeners['plain']?.url}/crl/${root}.crl`);
  assert.deepEqual(readCrl(new Uint8Array(await served.arrayBuffer())).entries[0]?.serial, serial);
  const records = await authority.store.certificates.list({});
  assert.ok(records.every(({ revocation }) => revocation === 'cACompromise'));

  // It stays so: whoever opens the folder finds it.
  await town.deployment[Symbol.asyncDispose]();
  await using again = await openAuthority({
    data: town.data,
    passphrase: async () => town.passphrase,
    clock: systemClock,
    log: () => undefined,
  });
  assert.equal(again.rootCrl.revokesIssuer(), true);
});

test('bad input: a list of another root, one that is not newer and octets that are none do not take the place of the last', async () => {
  await using town = await openTown();
  const { rootCrl } = town.deployment.authority;
  const stranger = createAuthority({ trustDomain: 'example.internal', clock: systemClock });
  const foreign = await signRootCrl(
    { root: stranger.rootCertificate, now: Date.now(), number: 9, entries: [] },
    signingKey(stranger.rootKey),
  );
  for (const der of [foreign.der, (await rootCrlOf(town, 1)).der, new Uint8Array([0x30, 0])]) {
    await assert.rejects(rootCrl.replace(der, 'test'), { code: 'invalid_input' });
  }
  assert.equal(rootCrl.current()?.number, 1);
  assert.deepEqual(await rootCrl.replace((await rootCrlOf(town, 2)).der, 'test'), []);
  assert.equal(rootCrl.current()?.number, 2);
  const metrics = await (await fetch(`${town.deployment.listeners['ops']?.url}/metrics`)).text();
  assert.match(metrics, /^countersign_root_crl_next_update_seconds \d+/m);
  assert.match(metrics, /^countersign_crl_number \d+$/m);
});
