import { readFile } from 'node:fs/promises';
import type { AuditLog } from '../../audit/log.ts';
import type { CertificateRecords } from '../../ca/certificate-records.ts';
import type { Issuer } from '../../ca/issuer.ts';
import type { Issuers } from './open-issuers.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { revokeOpen } from '../../ca/revoke.ts';
import { equalBytes } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Crl, isCrlSignedBy, readCrl } from '../../x509/crl.ts';
import type { DataFolder } from './data-folder.ts';

/** What the root has revoked, which the authority itself obeys. */
export interface RootCrl {
  /** The last list, or null when there is none: an authority from before roots had one. */
  current(): Crl | null;
  /** Whether the list names the certificate that issues here. */
  revokesIssuer(): boolean;
  /**
   * Puts a newer list of the same root in the place of the last. Should it name an intermediate of ours, all that that has
   * issued is revoked, and it issues nothing any more. Returns the serials of what was.
   * Throws Fault `invalid_input` for a list that is not this root's or not newer.
   */
  replace(der: Uint8Array, actor: string): Promise<readonly string[]>;
}

interface Parts {
  readonly data: DataFolder;
  readonly issuers: Issuers;
  readonly records: CertificateRecords;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
}

/** Opens the root's list of a data folder. Throws Fault `state_damaged` for a file that is not this root's. */
export async function openRootCrl(parts: Parts): Promise<RootCrl> {
  const { data, issuers, records, audit, clock } = parts;
  let current = await readRootCrl(data, issuers.issuing());
  const revokes = ({ certificate }: Issuer): boolean =>
    current?.entries.some(({ serial }) => serial === certificate.serial) ?? false;
  const obey = async (actor: string): Promise<readonly string[]> => {
    const words = { reason: 'the intermediate is revoked', revocation: 'cACompromise', actor } as const;
    const revoked: string[] = [];
    for (const issuer of issuers.all().filter(revokes)) {
      revoked.push(
        ...(await revokeOpen({ ...words, issuer: keyIdOf(issuer.certificate) }, { records, audit, clock })),
      );
    }
    return revoked;
  };
  // A crash may have come between the list and what follows from it.
  await obey('authority');
  return {
    current: () => current,
    revokesIssuer: () => revokes(issuers.issuing()),
    async replace(der, actor) {
      const next = newer(der, current, parts);
      await writeDurably(data.rootCrl, der, 0o644);
      current = next;
      const { number, nextUpdate, entries } = next;
      const revoked = await obey(actor);
      const counts = { number, nextUpdate, entries: entries.length };
      await audit.append({
        type: 'crl.published',
        issuer: rootId(issuers.issuing()),
        ...counts,
        cause: actor,
      });
      return revoked;
    },
  };
}

function rootId({ chain }: Issuer): string | null {
  const root = chain.at(-1);
  return root ? keyIdOf(root) : null;
}

function newer(der: Uint8Array, current: Crl | null, { issuers, clock }: Parts): Crl {
  const next = ofRoot(der, issuers.issuing());
  if (next && clock.now() <= next.nextUpdate && (current === null || next.number > current.number))
    return next;
  throw new Fault(
    'invalid_input',
    'That is not a newer CRL of the root. Make one with: countersign root crl',
  );
}

async function readRootCrl(data: DataFolder, issuer: Issuer): Promise<Crl | null> {
  const der = await readFile(data.rootCrl).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (der === null) return null;
  const crl = ofRoot(new Uint8Array(der), issuer);
  if (crl) return crl;
  throw new Fault(
    'state_damaged',
    `${data.rootCrl} is not a CRL of this authority's root. Restore it from a backup.`,
  );
}

/** A list that the root signed, or null. */
function ofRoot(der: Uint8Array, { chain }: Issuer): Crl | null {
  const root = chain.at(-1);
  try {
    const crl = readCrl(der);
    return root && equalBytes(crl.issuerDer, root.subjectDer) && isCrlSignedBy(crl, root.publicKey)
      ? crl
      : null;
  } catch {
    return null;
  }
}
