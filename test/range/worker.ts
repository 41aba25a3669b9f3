import type { Presentable } from '../journeys/deployment.ts';

/** A registered agent with a certificate of its own. */
export interface Worker {
  readonly name: string;
  readonly shown: Presentable;
  /** A token for this agent, with other claims where a test wants them. */
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>;
}
