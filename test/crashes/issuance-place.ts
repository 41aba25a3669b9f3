import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority } from '../../src/ca/create-authority.ts';
import { pemOfCertificate } from '../../src/ca/pem-of-certificate.ts';
import type { PeerTimes } from '../../src/app/peers/join-peers.ts';
import { systemClock } from '../../src/kernel/clock.ts';

/** What `issuance-writer.ts` works on; the keys are not sealed, because opening them takes longer than all the rest. */
export interface PlaceFiles {
  readonly database: string;
  readonly log: string;
  readonly intermediate: string;
  readonly root: string;
  readonly intermediateKey: string;
  readonly auditKey: string;
  /** One of several authorities on a PostgreSQL; the one of the database file unless it is there. */
  readonly peer?: {
    readonly instance: string;
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    readonly times: PeerTimes;
  };
}

/** Makes the place in a folder; `file` is what the writer is given. */
export async function makePlace(folder: string): Promise<PlaceFiles & { readonly file: string }> {
  const made = createAuthority({ trustDomain: 'example.internal', clock: systemClock });
  const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });
  const place: PlaceFiles = {
    database: join(folder, 'state.db'),
    log: join(folder, 'authority-log'),
    intermediate: pemOfCertificate(made.intermediateCertificate.der),
    root: pemOfCertificate(made.rootCertificate.der),
    intermediateKey: pem(made.intermediateKey),
    auditKey: pem(generateKeyPairSync('ed25519').privateKey),
  };
  const file = join(folder, 'place.json');
  await writeFile(file, JSON.stringify(place), { mode: 0o600 });
  return { ...place, file };
}
