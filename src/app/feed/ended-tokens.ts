import type { TokenEnd, TokenEndKind } from '../../oauth/server/oauth-records.ts';

/** What a token says of itself, as far as it can be ended by it. */
export interface TokenNames {
  readonly jti: string;
  readonly gid: string | null;
  readonly sub: string;
  /** The SPIFFE ID of the agent that shows it. */
  readonly agent: string;
  /** Epoch milliseconds, as `iat` says it: whole seconds. */
  readonly issuedAt: number;
}

/** The tokens that count no longer, as a gateway knows them: a few lookups for each request. */
export class EndedTokens {
  private readonly ends = new Map<string, TokenEnd>();

  /** `now` in epoch milliseconds: what no token can meet any more is forgotten. */
  add(end: TokenEnd, now: number): void {
    const name = nameOf(end.kind, end.key);
    const known = this.ends.get(name);
    if (!known || known.before < end.before) this.ends.set(name, end);
    let looks = 0;
    for (const [each, { until }] of this.ends) {
      if (until < now) this.ends.delete(each);
      looks += 1;
      if (looks >= 8) return;
    }
  }

  /** Whether a token of the authority was ended before its time. */
  isEnded({ jti, gid, sub, agent, issuedAt }: TokenNames): boolean {
    if (this.ends.size === 0) return false;
    return (
      this.meets('token', jti, issuedAt) ||
      (gid !== null && this.meets('grant', gid, issuedAt)) ||
      this.meets('person', sub, issuedAt) ||
      this.meets('agent', agent, issuedAt)
    );
  }

  private meets(kind: TokenEndKind, key: string, issuedAt: number): boolean {
    const end = this.ends.get(nameOf(kind, key));
    return end !== undefined && issuedAt <= end.before;
  }
}

function nameOf(kind: TokenEndKind, key: string): string {
  return `${kind} ${key}`;
}
