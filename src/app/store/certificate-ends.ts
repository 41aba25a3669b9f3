import type { CertificateRecord } from '../../ca/certificate-records.ts';

/** A certificate that was issued, and whether another has taken its place. Times are epoch milliseconds. */
export interface CertificateEnd
  extends Pick<CertificateRecord, 'serial' | 'name' | 'kind' | 'state' | 'notBefore' | 'notAfter'> {
  /** Whether it was renewed, or the same name was enrolled anew since. */
  readonly superseded: boolean;
  /** When a gateway last admitted the agent of that name; null for one that was never seen, and for what is no agent. */
  readonly lastSeen: number | null;
}

/** A place in the order of ends. */
export type EndPlace = Pick<CertificateEnd, 'notAfter' | 'serial'>;

/** Port: certificates in the order in which they end. */
export interface CertificateEnds {
  /** Those in force that come after a place, at most so many. */
  page(after: EndPlace, most: number): Promise<readonly CertificateEnd[]>;
  find(serial: string): Promise<CertificateEnd | null>;
}
