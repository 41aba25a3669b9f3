import type { TlsMaterial } from '../../http/exchange.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { FeedTrust } from '../feed/feed-message.ts';

/** What a worker is told before it begins; everything else it reads from the configuration, as the first process did. */
export interface Hello {
  /** From 1 on; a worker that takes the place of another has its number, and goes on with its log. */
  readonly number: number;
  readonly trustDomain: string;
  /** The name of the gateway; none for the one beside the authority. */
  readonly name: string | null;
  /** URLs with commas between. */
  readonly authorities: string;
  readonly auditFolder: string;
  readonly exportsFile: string;
  readonly flowFile: string;
  /** PEM. */
  readonly auditKey: string;
  readonly material: TlsMaterial;
}

/** Where agents reach all workers. */
export interface WorkerListening {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** What the first process answers a worker, besides what they remember together. */
export interface PrimaryAnswers {
  readonly hello: (value: null) => Hello;
  readonly listening: (value: WorkerListening) => void;
  /** Why it cannot begin. */
  readonly failed: (value: { readonly code: FaultCode; readonly detail: string }) => void;
  /** Whom to trust now, as its feed said. */
  readonly trust: (value: FeedTrust) => void;
  readonly staple: (certificate: Uint8Array) => Promise<Uint8Array | null>;
}

/** How long a gateway takes connections, and lets calls go on, when it ends. */
export interface DrainOrder {
  readonly acceptMilliseconds: number;
  readonly graceMilliseconds: number;
}
