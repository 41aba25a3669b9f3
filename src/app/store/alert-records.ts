import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';

/** What an alert is about. */
export type AlertCause =
  | 'certificate-ending'
  | 'ca-ending'
  | 'renewal-failing'
  | 'tool-changed'
  | 'call-waiting';

/** What somebody has to look at. Times are epoch milliseconds. */
export interface AlertRecord {
  readonly id: number;
  readonly cause: AlertCause;
  /** `open`: it may still be mended; `ended`: the certificate ended meanwhile; `resolved`: nothing is left to do. */
  readonly state: 'open' | 'ended' | 'resolved';
  /**
   * Of the certificate concerned; `root` and `intermediate` are those of the authority. A `tool` is none, nor is a call that
   * waits, which has the kind of who makes it.
   */
  readonly kind: LeafKind | 'root' | 'intermediate' | 'tool';
  /** Of the certificate; for a tool, its server; for a call that waits, the agent. */
  readonly name: string;
  /** Of the certificate; for a tool, `<server>/<tool>`; for a call that waits, its id. */
  readonly serial: string;
  /** When the certificate ends, or until when the call waits; null for a tool. */
  readonly endsAt: number | null;
  /** What happened, for people. */
  readonly detail: string;
  /** The fault that renewals were refused with, or null. */
  readonly code: string | null;
  readonly raisedAt: number;
  readonly changedAt: number;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string | null;
}

/** What an alert is raised with. */
export type NewAlert = Pick<AlertRecord, 'cause' | 'kind' | 'name' | 'serial' | 'endsAt' | 'detail' | 'code'>;

/** Writes the message about an alert for its receiver; null when there is nobody to tell. */
export type MessageOf = ((alert: AlertRecord) => JsonObject) | null;

/** A message that the receiver has not taken yet. */
export interface AlertMessage {
  readonly sequence: number;
  /** The same whenever it is told. */
  readonly id: string;
  readonly body: JsonObject;
}

/** Port: the alerts, and the messages about them in the order in which they came about. All changes are durable. */
export interface AlertRecords {
  /** Whether one more may be raised or changed, and its message kept if there is one. */
  hasRoom(withMessage: boolean): Promise<boolean>;
  /** Adds an alert with its message; null when one for this cause and certificate is not resolved yet. */
  raise(alert: NewAlert, at: number, message: MessageOf): Promise<AlertRecord | null>;
  /** Puts an alert into another state, with a message; null when it is in that state already. */
  change(
    id: number,
    to: Pick<AlertRecord, 'state' | 'detail'>,
    at: number,
    message: MessageOf,
  ): Promise<AlertRecord | null>;
  /** Notes who has seen it. Throws Fault `not_found`; a second time changes nothing. */
  acknowledge(id: number, by: string, at: number): Promise<AlertRecord>;
  find(id: number): Promise<AlertRecord | null>;
  /** Those that are not resolved, oldest first; all that are kept with `all`. */
  list(all: boolean): Promise<readonly AlertRecord[]>;
  /** Forgets what was resolved before that time. */
  forget(before: number): Promise<void>;
  /** The oldest message that was not taken, or null. */
  nextMessage(): Promise<AlertMessage | null>;
  taken(sequence: number): Promise<void>;
  waiting(): Promise<number>;
}

/** How many alerts may be unresolved, and how many messages wait. What there is no room for holds on and is found again. */
export const alertRoom = 10_000;
