import { sha256Base64url } from '../kernel/bytes.ts';
import { isCrlSignedBy, readCrl } from '../x509/crl.ts';
import type { Publication, PublishedCrl } from './crl.ts';
import type { Issuer } from './issuer.ts';

/** Port: where the lists of one issuer lie that all authorities of a store hand out. One of them makes the lists. */
export interface CrlShelf {
  /** Whether it is this one at the moment. */
  makes(): boolean;
  /** What lies there; null when nothing does that the issuer has signed. */
  take(): Promise<Publication | null>;
  /** The same, when its number is greater than this. */
  takeNewer(number: number): Promise<Publication | null>;
  /** Puts lists there. False, and nothing is put, when there are newer ones. */
  put(publication: Publication): Promise<boolean>;
  /** Calls the listener every now and then to look at the shelf. Returns how to stop. */
  onLook(listener: () => Promise<void>): () => void;
}

/** Lists that belong together from their octets, the full one first; null when the issuer has not signed each of them. */
export function readPublication(ders: readonly Uint8Array[], { certificate }: Issuer): Publication | null {
  try {
    const [full, ...shards] = ders.map((der) => {
      const crl = readCrl(der);
      if (!isCrlSignedBy(crl, certificate.publicKey)) throw new TypeError('It is signed by somebody else.');
      return crl;
    });
    if (!full || shards.some(({ number }) => number !== full.number)) return null;
    const { number, nextUpdate, entries } = full;
    const serials = new Set(entries.map(({ serial }) => serial));
    return { number, nextUpdate, serials, full: published(full), shards: shards.map(published) };
  } catch {
    return null;
  }
}

function published({ der, thisUpdate, nextUpdate }: Omit<PublishedCrl, 'tag'>): PublishedCrl {
  return { der, thisUpdate, nextUpdate, tag: sha256Base64url(der) };
}
