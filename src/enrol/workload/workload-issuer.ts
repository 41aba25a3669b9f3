import type { LeafKind } from '../../x509/leaf-profile.ts';
import type { SubjectPattern } from './subject-pattern.ts';
import type { NameTemplate } from './name-template.ts';

/** Who issues JWTs to workloads, and what such a JWT is good for here. */
export interface WorkloadIssuer {
  /** What the log and refusals call it. */
  readonly name: string;
  /** How a token says that it is this issuer's: its `iss`, or the trust domain of the SPIFFE ID in its `sub` (JWT-SVID §3). */
  readonly known: { readonly issuer: string } | { readonly trustDomain: string };
  /** What `aud` must hold. */
  readonly audience: string;
  /** How long a token may live at the most, in milliseconds; one without a time of issue counts from now. */
  readonly longestLife: number;
  /** Whether each token gives one certificate. */
  readonly once: boolean;
  /** The first that a token matches decides. */
  readonly rules: readonly WorkloadRule[];
}

/** Which tokens of an issuer are of which name. */
export interface WorkloadRule {
  readonly subject: SubjectPattern;
  /** Values that a claim must have one of, by its JSON Pointer (RFC 6901). */
  readonly claims: ReadonlyMap<string, readonly ClaimValue[]>;
  /** Claims that hold more of the name, by JSON Pointer: each has to be one text that its pattern matches. */
  readonly patterns: ReadonlyMap<string, SubjectPattern>;
  readonly name: NameTemplate;
  readonly kind: Exclude<LeafKind, 'admin'>;
  /** DNS names that the certificate may carry. */
  readonly dnsNames: readonly NameTemplate[];
}

export type ClaimValue = string | number | boolean;
