import type { AuditLog } from '../../audit/audit-log.ts';
import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { IssuedToken, OauthRecords, TokenEnd } from './oauth-records.ts';

/** Writes down what comes of requests for tokens: in the log, and where tokens can be looked up and ended. */
export interface TokenRecord {
  /** Resolves when it is durable; the token goes out after that. */
  issued(token: IssuedToken, serial: string | null): Promise<void>;
  refused(refusal: TokenRefusal): Promise<void>;
  /** A client has registered itself. */
  registered(client: NewClient): Promise<void>;
  ended(end: TokenEnd, words: { readonly reason: string; readonly actor: string }): Promise<void>;
}

/** As it said itself. */
export interface NewClient {
  readonly client: string;
  readonly name: string | null;
  readonly redirects: readonly string[];
  readonly address: string;
}

/** A request for tokens that came to nothing. */
export interface TokenRefusal {
  readonly endpoint: string;
  /** As OAuth says it (RFC 6749 §5.2), and what a person should know. */
  readonly error: string;
  readonly reason: string;
  /** As the request said. */
  readonly client: string | null;
  /** The serial of the agent's certificate; null for strangers, of whom not everything is recorded. */
  readonly serial: string | null;
  readonly address: string;
}

export function tokenRecord(parts: {
  readonly records: Pick<OauthRecords, 'noteIssued' | 'end'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly strangers: Pick<BoundedRecord, 'record'>;
}): TokenRecord {
  const { records, audit, strangers } = parts;
  return {
    async issued(token, serial) {
      const { id: token_id, issuedAt: _issuedAt, ...rest } = token;
      const event = { type: 'token.issued', token: token_id, ...rest, serial } as const;
      await Promise.all([audit.append(event), records.noteIssued(token)]);
    },
    async refused(refusal) {
      const event = { type: 'token.refused', ...refusal } as const;
      await (refusal.serial === null ? strangers.record(event) : audit.append(event));
    },
    async registered(client) {
      await audit.append({ type: 'client.registered', ...client });
    },
    async ended(end, words) {
      await records.end(end);
      await audit.append({ type: 'token.ended', kind: end.kind, key: end.key, ...words });
    },
  };
}
