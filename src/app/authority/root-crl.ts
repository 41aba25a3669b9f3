import { readFile } from 'node:fs/promises';
import type { AuditLog } from '../../audit/log.ts';
import type { CertificateRecords } from '../../ca/certificate-records.ts';
import { type Issuer, rootsOf } from '../../ca/issuer.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { revokeOpen } from '../../ca/revoke.ts';
import { equalBytes, fromBase64, toBase64 } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { type Crl, isCrlSignedBy, readCrl } from '../../x509/crl.ts';
import type { SharedFacts } from '../peers/shared-facts.ts';
import type { DataFolder } from './data-folder.ts';
import { rootCrlFile } from './issuers-disk.ts';
import { readPemFile } from './issuers-file.ts';
import type { Issuers } from './open-issuers.ts';

/** What roots have revoked, which the authority itself obeys. */
export interface RootCrl {
  /** The last list of a root, that of the issuer unless given; null when there is none: a root from before they had one. */
  current(root?: Certificate): Crl | null;
  /** Whether its root's list names the certificate that issues here. */
  revokesIssuer(): boolean;
  /**
   * Puts a newer list of the same root in the place of the last. Should it name an intermediate of ours, all that that has
   * issued is revoked, and it issues nothing any more. Returns the serials of what was.
   * Throws Fault `invalid_input` for a list that is not of a root of ours or not newer.
   */
  replace(der: Uint8Array, actor: string): Promise<readonly string[]>;
  /** Takes newer lists that another authority of the store was given. */
  refresh(): Promise<void>;
}

interface Parts {
  readonly data: DataFolder;
  readonly issuers: Issuers;
  readonly records: CertificateRecords;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  /** Where the authorities of a store keep the lists for each other; none unless given. */
  readonly facts?: SharedFacts;
}

/**
 * Opens the roots' lists of a data folder, and follows a rotation to the next root. Throws Fault `state_damaged` for a file
 * that is not its root's.
 */
export async function openRootCrl(parts: Parts): Promise<RootCrl> {
  const { data, issuers, records, audit, clock } = parts;
  const lists = new Map<string, Crl | null>();
  const load = async (): Promise<void> => {
    for (const root of rootsOf(issuers.all())) {
      const id = keyIdOf(root);
      if (!lists.get(id)) lists.set(id, await readRootCrl(data, root));
      const [there, here] = [await sharedCrl(root, parts), lists.get(id) ?? null];
      if (there && (here === null || there.number > here.number)) {
        await writeDurably(await placeOf(root, data), there.der, 0o644);
        lists.set(id, there);
      }
    }
  };
  await load();
  const currentOf = (root: Certificate): Crl | null => lists.get(keyIdOf(root)) ?? null;
  const revokes = (issuer: Issuer): boolean =>
    currentOf(rootIn(issuer))?.entries.some(({ serial }) => serial === issuer.certificate.serial) ?? false;
  const obey = async (actor: string): Promise<readonly string[]> => {
    const words = { reason: 'the intermediate is revoked', revocation: 'cACompromise', actor } as const;
    const revoked: string[] = [];
    for (const { certificate } of issuers.all().filter(revokes)) {
      const order = { ...words, issuer: keyIdOf(certificate) };
      revoked.push(...(await revokeOpen(order, { records, audit, clock })));
    }
    return revoked;
  };
  // A crash may have come between the list and what follows from it.
  await obey('authority');
  issuers.onChange(load);
  return {
    current: (root = rootIn(issuers.issuing())) => currentOf(root),
    revokesIssuer: () => revokes(issuers.issuing()),
    refresh: load,
    async replace(der, actor) {
      const root = rootsOf(issuers.all()).find((one) => ofRoot(der, one));
      const next = root && newer(der, root, { current: currentOf(root), now: clock.now() });
      if (!root || !next) {
        throw new Fault(
          'invalid_input',
          'That is not a newer CRL of the root. Make one with: countersign root crl',
        );
      }
      await writeDurably(await placeOf(root, data), der, 0o644);
      lists.set(keyIdOf(root), next);
      await shareCrl(next, root, parts);
      const { number, nextUpdate, entries } = next;
      const revoked = await obey(actor);
      const counts = { number, nextUpdate, entries: entries.length };
      await audit.append({ type: 'crl.published', issuer: keyIdOf(root), ...counts, cause: actor });
      return revoked;
    },
  };
}

const nameOf = (root: Certificate): string => `root-crl ${keyIdOf(root)}`;

/** The newest list that an authority of the store was given; whoever writes in the store cannot sign one. */
async function sharedCrl(root: Certificate, { facts }: Parts): Promise<Crl | null> {
  const stored = (await facts?.get(nameOf(root))) ?? null;
  const der = stored === null ? null : fromBase64(stored);
  return der && ofRoot(der, root);
}

async function shareCrl(crl: Crl, root: Certificate, parts: Parts): Promise<void> {
  const { facts } = parts;
  if (!facts) return;
  for (;;) {
    const there = await sharedCrl(root, parts);
    if (there && there.number >= crl.number) return;
    if (await facts.swap(nameOf(root), await facts.get(nameOf(root)), toBase64(crl.der))) return;
  }
}

function rootIn({ chain }: Issuer): Certificate {
  const root = chain.at(-1);
  if (!root) throw new Fault('state_damaged', 'The issuer has no chain to its root.');
  return root;
}

function newer(
  der: Uint8Array,
  root: Certificate,
  than: { readonly current: Crl | null; readonly now: number },
): Crl | null {
  const next = ofRoot(der, root);
  const { current, now } = than;
  const isNewer = next && now <= next.nextUpdate && (current === null || next.number > current.number);
  return isNewer ? next : null;
}

/** The root that `init` made has its list under the usual name, one that came with a rotation under its own. */
async function placeOf(root: Certificate, data: DataFolder): Promise<string> {
  const own = rootCrlFile(data, root);
  const isFirst = equalBytes((await readPemFile(data.rootCertificate)).der, root.der);
  return isFirst && (await readOrNull(own)) === null ? data.rootCrl : own;
}

async function readRootCrl(data: DataFolder, root: Certificate): Promise<Crl | null> {
  const place = await placeOf(root, data);
  const der = await readOrNull(place);
  if (der === null) return null;
  const crl = ofRoot(new Uint8Array(der), root);
  if (crl) return crl;
  throw new Fault(
    'state_damaged',
    `${place} is not a CRL of this authority's root. Restore it from a backup.`,
  );
}

function readOrNull(file: string): Promise<Uint8Array | null> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

/** A list that the root signed, or null. */
function ofRoot(der: Uint8Array, root: Certificate): Crl | null {
  try {
    const crl = readCrl(der);
    return equalBytes(crl.issuerDer, root.subjectDer) && isCrlSignedBy(crl, root.publicKey) ? crl : null;
  } catch {
    return null;
  }
}
