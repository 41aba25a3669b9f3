import { type TokenEnd, tokenAfterglow } from '../../../oauth/server/oauth-records.ts';
import type { Note } from '../connection.ts';
import { all, exists, run, type Work } from '../work.ts';

const putEnd = `INSERT INTO token_ends (kind, key, issued_until, until) VALUES (?, ?, ?, ?)
  ON CONFLICT (kind, key) DO UPDATE SET issued_until = excluded.issued_until, until = excluded.until
  WHERE excluded.issued_until > token_ends.issued_until`;

/** Ends tokens in the transaction of the caller. */
export function* endTokens(end: TokenEnd, note: Note): Work<void> {
  const { kind, key, before, until } = end;
  yield* run('DELETE FROM token_ends WHERE until < ?', before);
  const changed = yield* run(putEnd, kind, key, before, until);
  if (changed > 0) note({ kind: 'token-end', key: `${kind} ${key}`, value: end });
  const drop = dropOf[kind];
  if (drop !== null) yield* run(drop, key);
}

/** Ends everything of a person or an agent until now, in the transaction of the caller; what they have nothing of is not told. */
export function* endTokensOf(
  { kind, key, at }: { readonly kind: 'person' | 'agent'; readonly key: string; readonly at: number },
  note: Note,
): Work<void> {
  const some =
    (yield* exists(`SELECT 1 FROM oauth_entries WHERE ${kind} = ? LIMIT 1`, key)) ||
    (yield* exists(`SELECT 1 FROM issued_tokens WHERE ${kind} = ? AND expires_at > ? LIMIT 1`, key, at));
  if (some) yield* endTokens({ kind, key, before: at, until: at + tokenAfterglow }, note);
}

/** What new tokens could come of, by what is ended: a grant with everything of it. */
const dropOf: Readonly<Record<TokenEnd['kind'], string | null>> = {
  token: null,
  grant: 'DELETE FROM oauth_entries WHERE grant_id = ?',
  person: `DELETE FROM oauth_entries WHERE person = ?1
    OR grant_id IN (SELECT grant_id FROM oauth_entries WHERE person = ?1)`,
  agent: `DELETE FROM oauth_entries WHERE agent = ?1
    OR grant_id IN (SELECT grant_id FROM oauth_entries WHERE agent = ?1)`,
};

/** The ends that may still meet a token. */
export function listTokenEnds(now: number): Work<readonly TokenEnd[]> {
  return all(
    (row: TokenEnd) => ({ ...row }),
    `SELECT kind, key, issued_until AS "before", until FROM token_ends WHERE until >= ? ORDER BY kind, key`,
    now,
  );
}
