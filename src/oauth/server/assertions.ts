/** What somebody else vouches for, once its signature, times and audience hold. */
export interface Assertion {
  /** The resource and the scopes that it is for; null where it says nothing of that. */
  readonly resource: string | null;
  readonly scopes: readonly string[] | null;
  /** When and how the person proved who they are, as claims of the token. */
  readonly claims: object;
  /** Uses it up where it is good once. Throws Fault when it was used before. */
  useUp(): Promise<void>;
}

/** A workload that its platform knows. */
export interface AssertedWorkload extends Assertion {
  /** The SPIFFE ID of the agent that the rules of its issuer give it. */
  readonly agent: string;
}

/** A person that their identity provider knows. */
export interface AssertedPerson extends Assertion {
  readonly person: string;
}

/** Port: JWTs of others as grants (RFC 7523). */
export interface Assertions {
  /** `address`: where it came from, for the log. Throws Fault `workload_refused`, `unavailable`. */
  workload(assertion: string, address: string): Promise<AssertedWorkload>;
  /**
   * An identity assertion (draft-ietf-oauth-identity-assertion-authz-grant) for this issuer and this client. Throws Fault
   * `login_refused`, `workload_refused`, `unavailable`.
   */
  person(
    assertion: string,
    expected: { readonly issuer: string; readonly client: string },
  ): Promise<AssertedPerson>;
}

/** `typ` of an identity assertion. */
export const identityAssertionType = 'oauth-id-jag+jwt';
