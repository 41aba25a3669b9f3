/** An issuer of JWTs and where its keys are. */
export interface KeyedIssuer {
  readonly name: string;
  readonly keys: { readonly file: string } | { readonly url: string; readonly discover: boolean };
  /** A file of the only authorities that its server is trusted by, or null for those of the system. */
  readonly authority: string | null;
  /** Whether its server may have an address that is not public. */
  readonly privateAddresses: boolean;
}
