import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuditEvent } from '../../audit/events.ts';
import { createAuthority, type NewAuthority } from '../../ca/create-authority.ts';
import { writeKeyFile } from '../../ca/key-file.ts';
import { memoryRecords } from '../../ca/memory-records.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { signIntermediate } from '../../ca/sign-intermediate.ts';
import { signingKey } from '../../ca/signing-key.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { readRequest } from '../../x509/request.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { issuersDisk } from './issuers-disk.ts';
import { type Issuers, openIssuers } from './open-issuers.ts';
import { refuseLostIssuers } from './refuse-lost-issuers.ts';
import { openRotation, type IntermediateRequest, type Rotation } from './rotation.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const hour = 60 * 60_000;
const passphrase = 'a passphrase for tests';

/** An authority of files, a memory and a clock; `fail` ends the process at the nth thing that is written. */
class Place implements AsyncDisposable {
  readonly data: DataFolder;
  readonly made: NewAuthority;
  readonly clock = steppedClock(Date.UTC(2026, 10, 26, 12));
  readonly records = memoryRecords();
  readonly events: AuditEvent[] = [];
  readonly meta = new Map<string, string>();
  fail = Number.POSITIVE_INFINITY;
  private written = 0;

  private constructor(folder: string) {
    this.data = dataFolder(folder);
    this.made = createAuthority({ trustDomain: 'example.internal', clock: this.clock });
  }

  static async make(): Promise<Place> {
    const place = new Place(await mkdtemp(join(tmpdir(), 'countersign-rotation-')));
    const { data, made } = place;
    await writeDurably(data.rootCertificate, pemOfCertificate(made.rootCertificate.der));
    await writeDurably(data.intermediateCertificate, pemOfCertificate(made.intermediateCertificate.der));
    await writeKeyFile(data.intermediateKey, made.intermediateKey, passphrase, 2);
    await writeKeyFile(data.rootKey, made.rootKey, passphrase, 2);
    return place;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.data.folder, { recursive: true, force: true });
  }

  /** Every write of a process goes through here. */
  private async write<Result>(act: () => Promise<Result>): Promise<Result> {
    this.written += 1;
    if (this.written >= this.fail) throw new Error('the power is gone');
    return await act();
  }

  /** A process that opens the folder. */
  async open(): Promise<{ readonly issuers: Issuers; readonly rotation: Rotation }> {
    this.written = 0;
    const { data, clock, records, events, meta } = this;
    const world = {
      data,
      clock,
      trustDomain: 'example.internal',
      passphrase,
      environment: {},
      log: () => undefined,
      sealCost: 2,
      disk: {
        write: (...to: Parameters<typeof issuersDisk.write>) => this.write(() => issuersDisk.write(...to)),
        remove: (path: string) => this.write(() => issuersDisk.remove(path)),
      },
    };
    const issuers = await openIssuers(world, new AsyncDisposableStack());
    const store = {
      certificates: {
        ...records,
        revoke: (...of: Parameters<typeof records.revoke>) => this.write(() => records.revoke(...of)),
      },
      meta: {
        get: async (name: string) => meta.get(name) ?? null,
        set: (name: string, value: string) => this.write(async () => void meta.set(name, value)),
      },
    };
    const append = (event: AuditEvent): Promise<{ index: number }> =>
      this.write(async () => ({ index: events.push(event) - 1 }));
    await refuseLostIssuers(store.meta, issuers, data);
    return { issuers, rotation: openRotation({ ...world, issuers, store, audit: { append } }) };
  }

  /** What the holder of the root key does. */
  async sign(asked: IntermediateRequest): Promise<string> {
    const [request = new Uint8Array()] = decodePem(asked.request, 'CERTIFICATE REQUEST');
    const [replaces = new Uint8Array()] = decodePem(asked.replaces, 'CERTIFICATE');
    const order = {
      request: readRequest(request),
      replaces: readCertificate(replaces),
      root: this.made.rootCertificate,
      now: this.clock.now(),
      life: null,
    };
    return pemOfCertificate((await signIntermediate(order, signingKey(this.made.rootKey))).der);
  }

  /** A leaf of an issuer that is in force for an hour. */
  async leaf(serial: string, issuer: string): Promise<void> {
    const now = this.clock.now();
    await this.records.reserve({
      serial,
      name: 'ci-bot',
      kind: 'agent',
      spiffeId: 'spiffe://example.internal/agent/ci-bot',
      state: 'reserved',
      notBefore: now,
      notAfter: now + hour,
      reservedAt: now,
      tbsHash: '',
      der: null,
      replaces: null,
      door: 'admin',
      revokedAt: null,
      reason: null,
      revocation: null,
      keyHash: null,
      issuer,
    });
    await this.records.complete(serial, new Uint8Array([0x30, 0]));
  }
}

/** Takes whatever steps are left. */
async function finish(place: Place, { rotation }: { readonly rotation: Rotation }): Promise<void> {
  for (;;) {
    const { step } = await rotation.status();
    switch (step) {
      case 'none':
        if (place.events.some(({ type }) => type === 'rotation.activated')) return;
        await rotation.request('admin');
        break;
      case 'requested':
        await rotation.prepare(await place.sign(await rotation.request('admin')), 'admin');
        break;
      case 'prepared':
        await rotation.activate('admin');
        break;
      case 'activated':
        await rotation.retire({ force: true }, 'admin');
    }
  }
}

test('I1 an intermediate is replaced in steps, and in the end the folder is as one that was made with the new', async () => {
  await using place = await Place.make();
  const { data } = place;
  const before = await readdir(data.folder);
  const opened = await place.open();
  const { issuers, rotation } = opened;
  const old = keyIdOf(issuers.issuing().certificate);
  await assert.rejects(rotation.activate('admin'), fault('conflict'));
  const asked = await rotation.request('admin');
  assert.deepEqual(await rotation.request('admin'), asked, 'asked again, it is the same key');
  await rotation.prepare(await place.sign(asked), 'admin');
  assert.equal(keyIdOf(issuers.issuing().certificate), old, 'nothing issues with it yet');
  assert.equal(issuers.all().length, 2);
  await assert.rejects(rotation.request('admin'), fault('conflict'));
  const { issuing } = await rotation.activate('admin');
  assert.notEqual(issuing.issuer, old);
  await assert.rejects(rotation.abandon('admin'), fault('conflict'));
  await assert.rejects(rotation.request('admin'), fault('conflict'));

  await place.leaf('0a', old);
  await place.leaf('0b', issuing.issuer);
  await assert.rejects(rotation.retire({ force: false }, 'admin'), fault('conflict'));
  assert.deepEqual(
    (await rotation.status()).leaves.map(({ serial }) => serial),
    ['0a'],
  );
  place.clock.advance(hour + 1);
  assert.equal((await rotation.retire({ force: false }, 'admin')).step, 'none');
  assert.deepEqual(await readdir(data.folder), before);
  const [kept = new Uint8Array()] = decodePem(
    await readFile(data.intermediateCertificate, 'utf8'),
    'CERTIFICATE',
  );
  assert.equal(keyIdOf(readCertificate(kept)), issuing.issuer);
  const again = await place.open();
  const { certificate, key } = again.issuers.issuing();
  assert.ok(certificate.publicKey.equals(key.publicKey));
  assert.deepEqual(
    place.events.map(({ type }) => type),
    ['rotation.requested', 'rotation.prepared', 'rotation.activated', 'rotation.retired'],
  );
});

test('I1 a process that ends at any write of a rotation leaves a folder that opens, and the step is taken again', async () => {
  let points = 0;
  for (let fail = 1; ; fail += 1) {
    await using place = await Place.make();
    await place.open();
    const old = keyIdOf(place.made.intermediateCertificate);
    await place.leaf('0a', old);
    const first = await place.open();
    place.fail = fail;
    const ended = await finish(place, first).then(
      () => true,
      () => false,
    );
    place.fail = Number.POSITIVE_INFINITY;
    const opened = await place.open();
    const { certificate, chain, key } = opened.issuers.issuing();
    assert.ok(certificate.publicKey.equals(key.publicKey), `after write ${fail}`);
    assert.equal(chain.length, 2);
    await finish(place, opened);
    assert.notEqual(keyIdOf(opened.issuers.issuing().certificate), old);
    assert.equal((await place.records.find('0a'))?.state, 'revoked', 'what the retired one left is revoked');
    const names = await readdir(place.data.folder);
    assert.ok(!names.includes('issuers.json'), `after write ${fail}: ${names.join()}`);
    if (ended) break;
    points = fail;
  }
  // Four entries of the log, four states, what the store notes, a revocation with its entry, and the files at the end.
  assert.ok(points >= 14, `${points} places to fail at`);
});

test('I1 a prepared intermediate can be given up at any time before it issues, and its key is gone', async () => {
  for (const signed of [false, true]) {
    await using place = await Place.make();
    const { rotation, issuers } = await place.open();
    const before = issuers.issuing();
    const asked = await rotation.request('admin');
    if (signed) await rotation.prepare(await place.sign(asked), 'admin');
    await rotation.abandon('admin');
    assert.equal(issuers.issuing(), before);
    assert.equal(issuers.all().length, 1);
    assert.ok(!(await readdir(place.data.folder)).includes('issuers.json'));
    assert.notDeepEqual(await rotation.request('admin'), asked, 'the next one has another key');
  }
});

test('I1 a rotation whose file is lost does not let the intermediate before it issue again, unnoticed', async () => {
  await using place = await Place.make();
  const { rotation } = await place.open();
  await rotation.prepare(await place.sign(await rotation.request('admin')), 'admin');
  await rotation.activate('admin');
  await rm(place.data.issuers);
  await assert.rejects(place.open(), fault('state_damaged'));
  for (const octets of ['', '{}', '{"format":2}', 'not json']) {
    await writeDurably(place.data.issuers, octets);
    await assert.rejects(place.open(), fault('state_damaged'));
  }
});

test('bad input: what is no intermediate of this authority for the key that was asked for is not taken in', async () => {
  await using place = await Place.make();
  const { rotation } = await place.open();
  await assert.rejects(rotation.prepare('', 'admin'), fault('conflict'));
  await rotation.request('admin');
  const stranger = createAuthority({ trustDomain: 'example.internal', clock: place.clock });
  const refused = [
    stranger.intermediateCertificate,
    place.made.intermediateCertificate,
    place.made.rootCertificate,
  ];
  for (const { der } of refused) {
    await assert.rejects(rotation.prepare(pemOfCertificate(der), 'admin'), fault('certificate_profile'));
  }
  await assert.rejects(rotation.prepare('no PEM', 'admin'), fault('malformed_pem'));
  assert.equal((await rotation.status()).step, 'requested');
});
