import type { AuditLog } from '../audit/log.ts';
import { sha256Base64url } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { assembleCrl, buildCrlTbs, type CrlEntry } from '../x509/build-crl.ts';
import { isCrlSignedBy, readCrl } from '../x509/crl.ts';
import type { CertificateRecords } from './certificate-records.ts';
import { type CrlFacts, recordScheduled, takeNumber } from './crl-progress.ts';
import type { CrlShelf } from './crl-shelf.ts';
import type { Issuer } from './issuer.ts';
import { keyIdOf, type PublicationUrls, shardCount, shardOf } from './publication-urls.ts';

/** A CRL as it is handed out. Times are epoch milliseconds. */
export interface PublishedCrl {
  readonly der: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Another value for other octets. */
  readonly tag: string;
}

/** What the lists of one issuer are made of. */
export interface CrlSources {
  readonly issuer: Issuer;
  readonly records: Pick<CertificateRecords, 'listRevoked'>;
  readonly facts: CrlFacts;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  /** Where certificates say their lists are; null publishes the full list alone. */
  readonly urls: PublicationUrls | null;
  /** How long a list may be used, in milliseconds. */
  readonly life: number;
  /** Where the lists lie that all authorities of a store hand out; this process hands out what it makes unless given. */
  readonly shelf?: CrlShelf;
}

/** The lists that belong together: one number, one moment. */
export interface Publication {
  readonly number: number;
  readonly nextUpdate: number;
  /** What is listed. */
  readonly serials: ReadonlySet<string>;
  readonly full: PublishedCrl;
  readonly shards: readonly PublishedCrl[];
}

// A verifier whose clock is a little behind must not see a list from the future.
const backdate = 60_000;

/**
 * Makes all lists of an issuer anew. The number is on record before anything is signed, so that no number ever stands
 * on two lists, and what is handed back was read and verified. A certificate that has ended stays on the lists until
 * one scheduled publication after its end (RFC 5280 §3.3).
 * Throws Fault `lint_failed`, or what the store and the key throw; then the lists before stay.
 */
export async function makeCrls(sources: CrlSources, kind: 'scheduled' | 'revocation'): Promise<Publication> {
  const { records, facts, audit, clock, life } = sources;
  const now = clock.now();
  const keyId = keyIdOf(sources.issuer.certificate);
  const progress = await takeNumber(facts, keyId);
  const entries = await records.listRevoked(progress.scheduledAt, keyId);
  const moment = { number: progress.number, thisUpdate: now - backdate, nextUpdate: now + life };
  const [full, ...shards] = await Promise.all([
    signList(sources, moment, { url: null, entries }),
    ...spread(entries, sources).map((list) => signList(sources, moment, list)),
  ]);
  if (kind === 'scheduled') await recordScheduled(facts, keyId, now);
  await audit.append({
    type: 'crl.published',
    issuer: keyId,
    number: progress.number,
    entries: entries.length,
    nextUpdate: moment.nextUpdate,
    cause: kind,
  });
  return { ...moment, serials: new Set(entries.map(({ serial }) => serial)), full, shards };
}

interface List {
  readonly url: string | null;
  readonly entries: readonly CrlEntry[];
}

function spread(entries: readonly CrlEntry[], { urls }: CrlSources): readonly List[] {
  if (urls === null) return [];
  const parts = Array.from({ length: shardCount }, (): CrlEntry[] => []);
  for (const entry of entries) parts[shardOf(entry.serial)]?.push(entry);
  return parts.map((part, index) => ({ url: urls.shard(index), entries: part }));
}

async function signList(
  { issuer }: CrlSources,
  moment: Pick<PublishedCrl, 'thisUpdate' | 'nextUpdate'> & { readonly number: number },
  list: List,
): Promise<PublishedCrl> {
  const { certificate, key } = issuer;
  const template = {
    ...moment,
    ...list,
    issuerDer: certificate.subjectDer,
    authorityKeyId: keyIdOf(certificate),
  };
  const tbs = buildCrlTbs(template, key.algorithm);
  const der = assembleCrl(tbs, key.algorithm, await key.sign(tbs));
  const crl = readCrl(der);
  const sound =
    crl.number === moment.number &&
    crl.entries.length === list.entries.length &&
    (crl.urls?.join() ?? null) === list.url &&
    isCrlSignedBy(crl, certificate.publicKey);
  if (!sound) throw new Fault('lint_failed', 'The new CRL is not what was meant, and was thrown away.');
  return { der, thisUpdate: crl.thisUpdate, nextUpdate: crl.nextUpdate, tag: sha256Base64url(der) };
}

/** Keeps the lists of an issuer current. */
export interface CrlPublisher extends Disposable {
  /** What is in force. Throws Fault `unavailable` when publishing failed for so long that the lists have ended. */
  current(): Publication;
  /** Told of every certificate that changed: when it is to be listed or no longer, the lists are made anew at once. */
  heard(serial: string, isRevoked: boolean): void;
  /** Resolves when every change told so far is published. Throws what publishing threw. */
  settled(): Promise<void>;
}

const retryMilliseconds = 30_000;
const longestTimer = 2 ** 31 - 1;
/** How much of the time publishing may take, while much is revoked one by one. */
const restFactor = 4;

/**
 * Publishes the lists, then again when half of their life is over and at once after a change; the new ones take the
 * place of the old all together. A publication that fails is tried again every half minute, and `log` hears of it.
 */
export async function openCrlPublisher(
  sources: CrlSources,
  log: (line: string) => void,
): Promise<CrlPublisher> {
  const { clock, life } = sources;
  let publication = await firstPublication(sources);
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let dirty = false;
  /** What is not revoked and changed while lists were made, which may have been listed just before. */
  let meanwhile: string[] = [];
  let closed = false;

  const wait = (milliseconds: number): void => {
    if (timer) clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => void turn(), Math.min(longestTimer, Math.max(1, milliseconds)));
    timer.unref();
  };
  let making = sources.shelf?.makes() === true;
  /** Takes what another authority has made. */
  const follow = async (): Promise<void> => {
    const there = await sources.shelf?.takeNewer(publication.number);
    if (there) publication = there;
    dirty = false;
    wait(publication.nextUpdate - life / 2 - clock.now());
  };
  const publish = async (): Promise<void> => {
    if (sources.shelf?.makes() === false) return await follow();
    const due = clock.now() >= publication.nextUpdate - life / 2;
    const began = clock.monotonic();
    dirty = false;
    meanwhile = [];
    try {
      publication = await makeAndKeep(sources, due ? 'scheduled' : 'revocation');
      dirty ||= meanwhile.some((serial) => publication.serials.has(serial));
      const took = clock.monotonic() - began;
      wait(dirty ? took * restFactor : publication.nextUpdate - life / 2 - clock.now());
    } catch (error) {
      dirty = true;
      log(`The CRLs could not be published: ${errorText(error)} It is tried again.`);
      wait(retryMilliseconds);
      throw error;
    }
  };
  const turn = (): Promise<void> => {
    if (!dirty && clock.now() < publication.nextUpdate - life / 2) {
      wait(publication.nextUpdate - life / 2 - clock.now());
      return Promise.resolve();
    }
    running ??= publish().finally(() => {
      running = null;
    });
    // Told to the log; `settled` tells its caller.
    running.catch(() => undefined);
    return running;
  };
  wait(life / 2);
  const stopFollowing = sources.shelf?.onLook(async () => {
    if (sources.shelf?.makes() === true) {
      // Whoever made them before may have died with a change in hand.
      if (!making) dirty = true;
      making = true;
      if (dirty) await turn().catch(() => undefined);
    } else {
      making = false;
      await follow();
    }
  });
  return {
    current() {
      if (clock.now() <= publication.nextUpdate) return publication;
      throw new Fault('unavailable', 'The CRLs have ended, and new ones could not be published.');
    },
    heard(serial, isRevoked) {
      if (!isRevoked && !publication.serials.has(serial)) {
        if (running) meanwhile.push(serial);
        return;
      }
      if (!dirty && !running) wait(0);
      dirty = true;
    },
    async settled() {
      for (;;) {
        if (running) await running;
        else if (dirty) await turn();
        else return;
      }
    },
    [Symbol.dispose]() {
      closed = true;
      stopFollowing?.();
      if (timer) clearTimeout(timer);
    },
  };
}

/** Who makes the lists begins with new ones; another with what is there. */
async function firstPublication(sources: CrlSources): Promise<Publication> {
  const { shelf, clock } = sources;
  const there = shelf?.makes() === false ? await shelf.take() : null;
  return there && clock.now() <= there.nextUpdate ? there : await makeAndKeep(sources, 'scheduled');
}

/** Newer ones that another authority has put there meanwhile are the ones to hand out. */
async function makeAndKeep(sources: CrlSources, kind: Parameters<typeof makeCrls>[1]): Promise<Publication> {
  const made = await makeCrls(sources, kind);
  if (!sources.shelf || (await sources.shelf.put(made))) return made;
  return (await sources.shelf.take()) ?? made;
}
