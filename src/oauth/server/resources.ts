/** Something that tokens are for: a server of ours behind the gateway, or all of them at once. */
export interface TokenResource {
  /** Its canonical URI (RFC 8707 §2), and the audience of its tokens. */
  readonly uri: string;
  /** The scopes that its tokens may have. */
  readonly scopes: readonly string[];
  /** Those of them that an agent has by itself, without a person. */
  readonly agentScopes: readonly string[];
}

/** Port: what tokens can be for. */
export interface TokenResources {
  /** The resource of exactly this URI, or null. */
  find(uri: string): Promise<TokenResource | null>;
  /** What a request asks for that names no scope. */
  readonly defaultScopes: readonly string[];
}
