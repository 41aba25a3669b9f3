/** Port: what clients hold of people. Every promise resolves when the change is durable, and gateways hear of it by themselves. */
export interface PersonTokens {
  /** The clients that may act for a person now. */
  clients(person: string): Promise<readonly string[]>;
  /** Ends all grants and tokens of a person. */
  end(person: string): Promise<void>;
  /** Ends what one client holds of a person. */
  endClient(person: string, client: string): Promise<void>;
}
