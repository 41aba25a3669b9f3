import { access } from 'node:fs/promises';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { readPrivateFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { DataFolder } from './data-folder.ts';
import { readStore } from './open-state.ts';
import { lostState } from './signing-key-file.ts';

/** The trust domain of an authority, which `init` writes last. Throws Fault `authority_missing`, `state_newer` or `state_damaged`. */
export async function readMarker(data: DataFolder): Promise<string> {
  try {
    const marker = parseJson(await readPrivateFile(data.marker));
    if (isJsonObject(marker) && marker['format'] === 1 && typeof marker['trustDomain'] === 'string') {
      return marker['trustDomain'];
    }
    throw new Fault(
      'state_newer',
      `${data.marker} was written by a newer version of Countersign, or by hand.`,
    );
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code === 'not_found') {
      throw new Fault(
        'authority_missing',
        `There is no authority in ${data.folder}. Make one with: countersign init`,
      );
    }
    if (/^(malformed|json|invalid_input|too_large)/.test(error.code)) {
      throw new Fault('state_damaged', `${data.marker} cannot be read. Restore the folder from a backup.`, {
        cause: error,
      });
    }
    throw error;
  }
}

/**
 * A lost record would make every certificate unknown and forget every revocation, and a lost log its evidence; neither
 * may be begun anew unnoticed. Throws Fault `state_damaged`.
 */
export async function refuseLostState(data: DataFolder, hasDatabase: boolean): Promise<void> {
  const log = data.authorityLog;
  // A state elsewhere is looked for there.
  if (hasDatabase && (await readStore(data)) === null) {
    await access(data.database).catch((cause: unknown) => {
      throw lostState(data.database, cause);
    });
  }
  await access(log).catch((cause: unknown) => {
    throw lostState(
      log,
      cause,
      ` If you moved a broken log away, make the folder for a new one: mkdir ${log}`,
    );
  });
}

/** A log that is broken, with where it lies and what to do about it. */
export function namingLog(folder: string, error: unknown): unknown {
  if (!(error instanceof Fault) || error.code !== 'audit_broken') return error;
  return new Fault(
    'audit_broken',
    `${folder}: ${error.message} ${folder}. Keep it as evidence; restore a backup, or move it away and make an empty folder for a new log.`,
    { cause: error },
  );
}
