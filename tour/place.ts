import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Presented } from './raw-request.ts';

/** Everything that the tour writes, below one folder. */
export interface Place {
  readonly folder: string;
  /** The data folder of the authority. */
  readonly data: string;
  readonly passphraseFile: string;
  /** What the filesystem server serves. */
  readonly documents: string;
  /** The bridge's. */
  readonly state: string;
  /** Takes a temporary folder away again; one that was given stays. */
  cleanUp(): void;
}

/**
 * A new temporary folder, or the one given, which must be new or empty: a passphrase written over another would lock an
 * authority out for good. Throws what to do.
 */
export function makePlace(given: string | undefined): Place {
  if (given !== undefined && entriesOf(resolve(given)) > 0) {
    throw new Error(
      `${resolve(given)} is not empty, and the tour makes everything anew. Name another --folder.`,
    );
  }
  const folder = given === undefined ? mkdtempSync(join(tmpdir(), 'countersign-tour-')) : resolve(given);
  const place: Place = {
    folder,
    data: join(folder, 'authority'),
    passphraseFile: join(folder, 'passphrase'),
    documents: join(folder, 'documents'),
    state: join(folder, 'bridge'),
    cleanUp() {
      if (given === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
  const open = join(place.documents, 'public');
  mkdirSync(open, { recursive: true });
  writeFileSync(join(open, 'hello.txt'), 'Hello from a file that the policy lets the agent read.\n');
  writeFileSync(
    join(place.documents, 'salaries.txt'),
    'A file that the policy does not let the agent read.\n',
  );
  writeFileSync(place.passphraseFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  return place;
}

function entriesOf(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0;
  }
}

/** What `cert issue` wrote into a folder, as Node's HTTPS client takes it. */
export function presentedFrom(folder: string, ca: string): Presented {
  return {
    ca,
    cert: readFileSync(join(folder, 'certificate.pem'), 'utf8'),
    key: readFileSync(join(folder, 'key.pem'), 'utf8'),
  };
}
