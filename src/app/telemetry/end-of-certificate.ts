import { X509Certificate } from 'node:crypto';

/** When the first certificate of a PEM chain ends, in seconds since 1970. */
export function endOf(pem: string): number {
  return Math.floor(new X509Certificate(pem).validToDate.getTime() / 1_000);
}
