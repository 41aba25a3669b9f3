import type { CertificateRecord } from '../../ca/certificate-records.ts';
import type { ToolPin } from '../../gateway/pins/tool-pin.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { Forgetting } from '../../gateway/flow/flow-memory.ts';
import type { PartnerRecord } from '../../identity/partner-record.ts';
import type { TokenEnd } from '../../oauth/server/oauth-records.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';

/** What the deciding side needs to know of a certificate. */
export interface CertificateStanding
  extends Pick<CertificateRecord, 'serial' | 'name' | 'kind' | 'state' | 'notAfter'> {
  /** base64url SHA-256 of the DER; null for one that was revoked before it was issued. */
  readonly thumbprint: string | null;
  /** There for a certificate whose key was attested to be in hardware. */
  readonly hardware?: true;
}

interface Changed<Kind extends string, Value> {
  /** Grows with every change and is never used twice; gaps are possible. */
  readonly sequence: number;
  readonly kind: Kind;
  /** Serial or name. */
  readonly key: string;
  /** The value after the change; null when there is none to rely on: removed, or a certificate not issued. */
  readonly value: Value | null;
}

/** One committed change. */
export type Change =
  | Changed<'certificate', CertificateStanding>
  | Changed<'agent', AgentRecord>
  | Changed<'server', ServerDefinition>
  | Changed<'partner', PartnerRecord>
  | Changed<'flow-order', Forgetting>
  | Changed<'token-end', TokenEnd>
  | Changed<'tool', ToolPin>;

/** Everything that decisions rest on, as of one sequence number. */
export interface StoreSnapshot {
  readonly sequence: number;
  /** Issued or revoked, and not past their end. */
  readonly certificates: readonly CertificateStanding[];
  readonly agents: readonly AgentRecord[];
  readonly servers: readonly ServerDefinition[];
  /** Missing from an authority of an older version. */
  readonly partners?: readonly PartnerRecord[];
  /** Missing likewise. */
  readonly tokenEnds?: readonly TokenEnd[];
  /** Missing likewise: orders to forget what agents have used. */
  readonly flowOrders?: readonly Forgetting[];
  /** Missing likewise: then no tool is approved. */
  readonly tools?: readonly ToolPin[];
}

/** The order in which the store changed. A change is in here exactly when it is in its table: one transaction. */
export interface ChangeFeed {
  snapshot(): Promise<StoreSnapshot>;
  /** All changes after a sequence number, oldest first. Fault `not_found` when they are no longer kept: take a snapshot. */
  since(sequence: number): Promise<readonly Change[]>;
  /** Whether what others change is heard now; false once the database has not answered for some seconds. */
  isCurrent(): boolean;
  /** Tells the listeners of everything that is committed by now, whoever did it. Throws while that cannot be known. */
  catchUp(): Promise<void>;
  /** Calls the listener right after each commit, in order. It must not throw. Returns how to stop. */
  subscribe(listener: (change: Change) => void): () => void;
}
