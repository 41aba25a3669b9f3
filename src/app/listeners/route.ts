import type { CertificateRecord } from '../../ca/certificate-records.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { Caller } from '../../identity/caller.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import type { Authority } from '../authority/authority.ts';

/** One row of the authority's listener: who may call, and what is answered. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  /** Which certificates may call; null when none is needed. */
  readonly kinds: readonly LeafKind[] | null;
  /**
   * Whether a certificate of ours may call that OpenSSL does not accept from a client: one that has ended, which may be
   * within the grace, and one of a server, which is not made for clients.
   */
  readonly unverified?: true;
  answer(context: RouteContext): Promise<void>;
}

export interface RouteContext {
  readonly exchange: Exchange;
  readonly authority: Authority;
  readonly match: RegExpExecArray;
  /** The caller, checked as `kinds` demands, and their issuance record. */
  readonly holder: Holder | null;
}

/** Who holds a certificate of ours. */
export interface Holder {
  readonly caller: Caller;
  readonly record: CertificateRecord;
}

/** What a route may carry in its body. */
export const bodyLimit = { bytes: 256 * 1024, milliseconds: 10_000 };
