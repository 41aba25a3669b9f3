import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { exportPeer, joinPeer } from '../../src/app/authority/export-peer.ts';
import { openAuthority } from '../../src/app/authority/open-authority.ts';
import { newKey, order } from '../../src/bridge/authority-client.ts';
import { firstRoots } from '../../src/bridge/first-roots.ts';
import { keyIdOf } from '../../src/ca/publication-urls.ts';
import { openPostgresStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import { createJoinToken } from '../../src/enrol/join-token/create-join-token.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { readServerDefinition } from '../../src/upstream/server-definition.ts';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { readCrl } from '../../src/x509/crl.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { placeOf } from '../contracts/postgres-store.ts';
import { type Postgres, startPostgres } from '../interop/start-postgres.ts';
import { freshAuthority, passphrase } from '../journeys/fresh-authority.ts';
import { legacyClient, mutualFetch, textOf } from '../journeys/mcp-clients.ts';
import { openLegacyServer } from '../journeys/mcp-servers.ts';
import { type Running, start } from '../journeys/program.ts';

let postgres: Postgres;
let folder: string;

before(async () => {
  postgres = await startPostgres();
  folder = await mkdtemp(join(tmpdir(), 'countersign-crash-'));
});
after(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Two authorities on a PostgreSQL, each a process of its own, and a look into their store. */
async function twoProcesses(name: string) {
  await using opened = new AsyncDisposableStack();
  const database = await postgres.createDatabase();
  const { host, port, user } = postgres;
  const [a, b] = [dataFolder(join(folder, `${name}-a`)), dataFolder(join(folder, `${name}-b`))];
  await cp(await freshAuthority(), a.folder, { recursive: true });
  await rm(a.database);
  await writeFile(a.store, JSON.stringify({ postgres: { hosts: [`${host}:${port}`], database, user } }));
  await writeFile(join(a.policies, 'all.cedar'), 'permit (principal, action, resource);');
  {
    const log = (): void => undefined;
    const making = { data: a, passphrase: async () => passphrase, clock: systemClock, log };
    await using _made = await openAuthority({ ...making, state: 'new' });
  }
  const target = join(folder, `${name}-bundle`);
  const bundlePassphrase = 'a passphrase on the way';
  const bundle = { target, passphrase, bundlePassphrase, clock: systemClock, cost: 2 };
  const { rootFingerprint } = await exportPeer(a, bundle);
  await joinPeer(target, b, { ...bundle, name: 'b', rootFingerprint });
  const serve = (of: typeof a): Promise<Running> =>
    start(['authority', '--folder', of.folder, '--ports', 'any'], { COUNTERSIGN_PASSPHRASE: passphrase });
  const [first, second] = [opened.use(await serve(a)), opened.use(await serve(b))];
  const place = placeOf(postgres, database);
  const seen = { place, clock: systemClock, missing: 'refuse', log: () => undefined } as const;
  const store = opened.use(await openPostgresStore(seen));
  await store.agents.add({
    name: 'ci-bot',
    owner: 'o',
    purpose: 'p',
    roles: [],
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt: systemClock.now(),
    lastSeen: null,
  });
  const urls = [first, second].map(({ first: { listening } }) => listening['authority'] ?? '').join();
  const roots = await firstRoots({ authority: urls, authorityFile: null, rootFingerprint });
  const held = opened.move();
  return {
    first,
    second,
    store,
    urls,
    roots,
    rootFingerprint,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function tokenFor(store: Store, name: string, kind: 'agent' | 'gateway'): Promise<string> {
  const audit = { append: async () => ({ index: 0, leafHash: new Uint8Array() }) };
  const names = kind === 'gateway' ? ['127.0.0.1', '::1'] : [];
  const dnsNames = kind === 'gateway' ? ['localhost'] : [];
  const asked = { name, kind, dnsNames, ipAddresses: names, life: 600_000, createdBy: 'test' };
  return (await createJoinToken(asked, { tokens: store.joinTokens, audit, clock: systemClock })).token;
}

/** Waits until something holds, forty seconds at most. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 400; waited += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('what was waited for did not come');
}

async function crlOf({ first: { listening } }: Running, issuer: Certificate) {
  const answer = await fetch(`${listening['plain']}/crl/${keyIdOf(issuer)}.crl`);
  return readCrl(new Uint8Array(await answer.arrayBuffer()));
}

test('I1 I3 I7 of two authorities on PostgreSQL one is killed while it issues: no certificate is in limbo, gateways and agents go on with the other, and the numbers of CRLs rise', async () => {
  await using old = await openLegacyServer();
  await using town = await twoProcesses('killed');
  const { first, second, store, urls, roots, rootFingerprint } = town;
  const definition = { name: 'old', transport: 'http', url: old.url, tools: 'unpinned' };
  await store.servers.put(readServerDefinition(definition), systemClock.now());
  const state = join(folder, 'gateway');
  const words = ['gateway', '--authority', urls, '--name', 'edge', '--state', state, '--ports', 'any'];
  const arrive = [
    '--ca-fingerprint',
    rootFingerprint,
    '--join-token',
    await tokenFor(store, 'edge', 'gateway'),
  ];
  await using gateway = await start([...words, ...arrive]);

  const clock = systemClock;
  const enrolment = async (authority: string) => {
    const token = await tokenFor(store, 'ci-bot', 'agent');
    const path = '/v1/enrol/join-token';
    const key = newKey();
    return {
      key,
      ...(await order({ authority, path, token, name: 'ci-bot', key, roots, present: null, clock })),
    };
  };
  const held = await enrolment(urls);
  await using fetch = mutualFetch({ cert: held.certificate, key: held.key, ca: roots });
  let client: Awaited<ReturnType<typeof legacyClient>> | null = null;
  await eventually(async () => {
    client = await legacyClient(`${gateway.first.listening['agents']}/mcp/old`, fetch).catch(() => null);
    return client !== null;
  });
  const call = async (): Promise<string> =>
    textOf(await client?.callTool({ name: 'echo', arguments: { message: 'hi' } }));

  // Issuances stand at every step of their way when it is killed.
  const [, issuer = readCertificate(new Uint8Array())] = decodePem(held.certificate, 'CERTIFICATE').map(
    readCertificate,
  );
  const before = await crlOf(second, issuer);
  const issuing = Array.from({ length: 40 }, () => enrolment(first.first.listening['authority'] ?? ''));
  const settled = Promise.allSettled(issuing);
  await Promise.any(issuing);
  first.child.kill('SIGKILL');
  const outcomes = await settled;
  const delivered = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.leaf.serial] : []));
  assert.ok(delivered.length > 0);

  // Nobody notices who calls, and who enrols is served by the other.
  for (let calls = 0; calls < 20; calls += 1) assert.equal(await call(), 'legacy hi');
  const later = await enrolment(urls);
  assert.equal((await store.certificates.find(later.leaf.serial))?.state, 'issued');

  // What was reserved is given up by the other; what was delivered is on record.
  await eventually(async () => (await store.certificates.list({ state: 'reserved' })).length === 0);
  for (const serial of delivered) assert.equal((await store.certificates.find(serial))?.state, 'issued');

  // The other makes the lists now, with numbers that rise, and the gateway hears of a revocation.
  await store.certificates.revoke(held.leaf.serial, 'test', clock.now());
  await eventually(async () => {
    const crl = await crlOf(second, issuer);
    return crl.number > before.number && crl.entries.some(({ serial }) => serial === held.leaf.serial);
  });
  await eventually(async () =>
    call().then(
      () => false,
      () => true,
    ),
  );
});
