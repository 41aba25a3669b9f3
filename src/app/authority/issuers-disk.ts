import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { equalBytes } from '../../kernel/bytes.ts';
import { readTextFile, syncFolder, writeDurably } from '../../kernel/durable-file.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { DataFolder } from './data-folder.ts';
import { hasIssuersFile, type KeptIssuers } from './issuers-file.ts';

/** Port: how a rotation changes files; each call is durable when it resolves. */
export interface IssuersDisk {
  write(path: string, content: Uint8Array | string, mode?: number): Promise<void>;
  remove(path: string): Promise<void>;
}

/** The machine's own. */
export const issuersDisk: IssuersDisk = {
  write: writeDurably,
  async remove(path) {
    await rm(path, { force: true });
    await syncFolder(join(path, '..'));
  },
};

/** The key of a root that a rotation brought, when it lies in the data folder. */
export function rootKeyFile({ folder }: DataFolder, root: Certificate): string {
  return join(folder, `root-key-${keyIdOf(root)}.json`);
}

/** The CRL of a root that a rotation brought. */
export function rootCrlFile({ folder }: DataFolder, root: Certificate): string {
  return join(folder, `root-${keyIdOf(root)}.crl`);
}

/**
 * Once a rotation is over, puts everything back into the files that `init` makes, and removes the keys of what is retired.
 * The file of the rotation goes last: until then it counts, and a crash leaves all of this to be done again.
 */
export async function settleIssuers(kept: KeptIssuers, data: DataFolder, disk: IssuersDisk): Promise<void> {
  if (kept.next || kept.retiring || !(await hasIssuersFile(data))) return;
  const { certificate, root, key } = kept.issuing;
  if (key) await disk.write(data.intermediateKey, `${JSON.stringify(key, null, 2)}\n`);
  await disk.write(data.intermediateCertificate, pemOfCertificate(certificate.der), 0o644);
  await removeOtherRoots(root, data, disk);
  await disk.write(data.rootCertificate, pemOfCertificate(root.der), 0o644);
  await disk.remove(data.issuers);
}

async function removeOtherRoots(root: Certificate, data: DataFolder, disk: IssuersDisk): Promise<void> {
  const [first] = decodePem(await readTextFile(data.rootCertificate), 'CERTIFICATE');
  if (!first || !equalBytes(first, root.der)) {
    await disk.remove(data.rootKey);
    await disk.remove(data.rootCrl);
  }
  const own = [rootKeyFile(data, root), rootCrlFile(data, root)];
  for (const name of await readdir(data.folder)) {
    const path = join(data.folder, name);
    const isRoots = /^root-(?:key-[0-9a-f]+\.json|[0-9a-f]+\.crl)$/.test(name);
    if (isRoots && !own.includes(path)) await disk.remove(path);
  }
}
