import type { Peer } from '../peers/peers.ts';
import type { StoreMeta } from '../store/store.ts';
import { sharedSteps } from '../peers/shared-steps.ts';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent } from '../../audit/events.ts';
import { createAuthority, type NewAuthority } from '../../ca/create-authority.ts';
import { createNextRoot } from '../../ca/create-root.ts';
import { signRootCrl } from '../../ca/root-crl.ts';
import { writeKeyFile } from '../../ca/key-file.ts';
import { memoryRecords } from '../../ca/memory-records.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { signIntermediate } from '../../ca/sign-intermediate.ts';
import { signingKey } from '../../ca/signing-key.ts';
import { memoryJoinTokens } from '../../enrol/join-token/memory-join-tokens.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { readRequest } from '../../x509/request.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { issuersDisk, rootKeyFile } from './issuers-disk.ts';
import { type Issuers, openIssuers } from './open-issuers.ts';
import { memoryMeta } from '../store/memory-meta.ts';
import { refuseLostIssuers } from './refuse-lost-issuers.ts';
import { openRotation, type IntermediateRequest, type PreparedIssuer, type Rotation } from './rotation.ts';

/** Milliseconds. */
export const hour = 60 * 60_000;
const passphrase = 'a passphrase for tests';

/** What several authorities have in common. */
export interface SharedWorld {
  readonly facts: StoreMeta;
  readonly key: KeyObject;
  readonly peers: () => readonly Peer[];
}

/** An authority of files, a memory and a clock; `fail` ends the process at the nth thing that is written. */
export class Place implements AsyncDisposable {
  readonly data: DataFolder;
  readonly made: NewAuthority;
  readonly clock = steppedClock(Date.UTC(2026, 10, 26, 12));
  readonly records = memoryRecords();
  readonly events: AuditEvent[] = [];
  readonly meta = new Map<string, string>();
  fail = Number.POSITIVE_INFINITY;
  private written = 0;

  private constructor(folder: string, made?: NewAuthority) {
    this.data = dataFolder(folder);
    this.made = made ?? createAuthority({ trustDomain: 'example.internal', clock: this.clock });
  }

  /** A folder of the same authority on another machine, with a record of its own. */
  async beside(): Promise<Place> {
    const other = new Place(await mkdtemp(join(tmpdir(), 'countersign-rotation-')), this.made);
    await cp(this.data.folder, other.data.folder, { recursive: true });
    await rm(other.data.rootKey);
    return other;
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
  async open(shared?: SharedWorld): Promise<{ readonly issuers: Issuers; readonly rotation: Rotation }> {
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
    const facts = memoryMeta(meta);
    const store = {
      certificates: {
        ...records,
        revoke: (...of: Parameters<typeof records.revoke>) => this.write(() => records.revoke(...of)),
      },
      joinTokens: memoryJoinTokens(),
      meta: shared?.facts ?? {
        ...facts,
        set: (name: string, value: string) => this.write(() => facts.set(name, value)),
        swap: (...of: Parameters<typeof facts.swap>) => this.write(() => facts.swap(...of)),
      },
    };
    const append = (event: AuditEvent): Promise<{ index: number }> =>
      this.write(async () => ({ index: events.push(event) - 1 }));
    if (shared) {
      const ownKey = (): Promise<Uint8Array> => readFile(data.intermediateKey);
      await issuers.share(sharedSteps({ ...shared, passphrase, sealCost: 2, ownKey }));
    }
    await refuseLostIssuers(store.meta, issuers, data);
    const peers = { list: () => shared?.peers() ?? [] };
    return { issuers, rotation: openRotation({ ...world, issuers, store, audit: { append }, peers }) };
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

  /** What comes of `rotate root`: an intermediate below a root that nobody knew. */
  async signBelowNewRoot(asked: IntermediateRequest): Promise<PreparedIssuer> {
    const key = signingKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    const now = this.clock.now();
    const [replaces = new Uint8Array()] = decodePem(asked.replaces, 'CERTIFICATE');
    const intermediate = readCertificate(replaces);
    const order = { intermediate, trustDomain: 'example.internal', now, life: null };
    const root = await createNextRoot(order, key);
    const [request = new Uint8Array()] = decodePem(asked.request, 'CERTIFICATE REQUEST');
    const signed = { request: readRequest(request), replaces: intermediate, root, now, life: null };
    const { der } = await signIntermediate(signed, key);
    await writeDurably(rootKeyFile(this.data, root), '{}');
    const crl = await signRootCrl({ root, now, number: 1, entries: [] }, key);
    return { certificate: pemOfCertificate(der), root: pemOfCertificate(root.der), rootCrl: crl.der };
  }

  /** A leaf of an issuer that is in force for an hour. */
  async leaf(serial: string, issuer: string, replaces: string | null = null): Promise<void> {
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
      replaces,
      door: 'admin',
      revokedAt: null,
      reason: null,
      revocation: null,
      keyHash: null,
      issuer,
      hardware: null,
    });
    await this.records.complete(serial, new Uint8Array([0x30, 0]));
  }
}

/** Takes whatever steps are left. */
export async function finish(
  place: Place,
  { rotation }: { readonly rotation: Rotation },
  replaces: 'intermediate' | 'root',
): Promise<void> {
  for (;;) {
    const { step } = await rotation.status();
    switch (step) {
      case 'none':
        if (place.events.some(({ type }) => type === 'rotation.activated')) return;
        await rotation.request('admin');
        break;
      case 'requested': {
        const asked = await rotation.request('admin');
        await rotation.prepare(
          replaces === 'root'
            ? await place.signBelowNewRoot(asked)
            : { certificate: await place.sign(asked) },
          'admin',
        );
        break;
      }
      case 'prepared':
        await rotation.activate({ force: true }, 'admin');
        break;
      case 'activated':
        await rotation.retire({ force: true }, 'admin');
    }
  }
}
