import { keyIdOf } from '../../ca/publication-urls.ts';
import { Fault } from '../../kernel/fault.ts';
import type { StoreMeta } from '../store/store.ts';
import type { DataFolder } from './data-folder.ts';
import type { Issuers } from './open-issuers.ts';

/**
 * The store knows who issued last: without the file of a rotation the intermediate before it would issue again, unnoticed.
 * A crash may have come before the store was told. Throws Fault `state_damaged`.
 */
export async function refuseLostIssuers(meta: StoreMeta, issuers: Issuers, data: DataFolder): Promise<void> {
  const { issuing, retiring } = issuers.kept();
  const known = await meta.get('issuing');
  const fits = [issuing, retiring].some((one) => one && keyIdOf(one.certificate) === known);
  if (known !== null && !fits) {
    throw new Fault(
      'state_damaged',
      `${data.intermediateCertificate} is not the intermediate that issued last: ${data.issuers} is missing or old. Restore the folder from a backup.`,
    );
  }
  await noteIssuing(meta, issuers);
}

/** Tells the store who issues. */
export async function noteIssuing(meta: StoreMeta, issuers: Issuers): Promise<void> {
  const id = keyIdOf(issuers.issuing().certificate);
  if ((await meta.get('issuing')) !== id) await meta.set('issuing', id);
}
