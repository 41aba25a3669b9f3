import { readFile } from 'node:fs/promises';
import type { Issuer } from '../../ca/issuer.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Crl, isCrlSignedBy, readCrl } from '../../x509/crl.ts';
import { equalBytes } from '../../kernel/bytes.ts';
import type { DataFolder } from './data-folder.ts';

/**
 * What the root has revoked, as its last CRL says it, or null when there is none: an authority from before roots had
 * one. Throws Fault `state_damaged` for a file that is not this root's.
 */
export async function readRootCrl(data: DataFolder, { chain }: Pick<Issuer, 'chain'>): Promise<Crl | null> {
  const der = await readFile(data.rootCrl).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const root = chain.at(-1);
  if (der === null || !root) return null;
  try {
    const crl = readCrl(new Uint8Array(der));
    if (equalBytes(crl.issuerDer, root.subjectDer) && isCrlSignedBy(crl, root.publicKey)) return crl;
  } catch (cause) {
    throw damaged(data, cause);
  }
  throw damaged(data);
}

function damaged(data: DataFolder, cause?: unknown): Fault {
  return new Fault(
    'state_damaged',
    `${data.rootCrl} is not a CRL of this authority's root. Restore it from a backup, or make a new one: countersign root crl`,
    { cause },
  );
}
