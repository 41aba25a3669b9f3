import type {
  IssuedToken,
  KeptTokenKey,
  NewOauthEntry,
  OauthEntry,
  OauthRecords,
  TokenEnd,
} from './oauth-records.ts';

/** What the authorization server remembers, in memory; for specifications. */
export function memoryOauthRecords(): OauthRecords {
  const entries = new Map<string, OauthEntry>();
  const issued = new Map<string, IssuedToken>();
  const ends = new Map<string, TokenEnd>();
  let keys: readonly KeptTokenKey[] = [];
  const at = (model: string, id: string): string => `${model} ${id}`;
  const sweep = (now: number): void => {
    for (const [place, { expiresAt }] of entries) {
      if (expiresAt !== null && expiresAt < now - 60_000) entries.delete(place);
    }
  };
  const put = (entry: NewOauthEntry): void => {
    sweep(entry.createdAt);
    const place = at(entry.model, entry.id);
    const before = entries.get(place);
    const unused = { consumedAt: null, retriedAt: null };
    entries.set(
      place,
      before
        ? { ...before, ...entry, agent: before.agent, replaces: before.replaces }
        : { ...entry, ...unused },
    );
  };
  return {
    put: async (entry) => put(entry),
    async putOnce(entry) {
      sweep(entry.createdAt);
      if (entries.has(at(entry.model, entry.id))) return false;
      put(entry);
      return true;
    },
    find: async (model, id) => entries.get(at(model, id)) ?? null,
    findBy: async (model, name, value) =>
      [...entries.values()].find((entry) => entry.model === model && entry[name] === value) ?? null,
    async consume(model, id, now) {
      const entry = entries.get(at(model, id));
      if (!entry || entry.consumedAt !== null) return false;
      entries.set(at(model, id), { ...entry, consumedAt: now });
      return true;
    },
    async retry(model, id, now, since) {
      const entry = entries.get(at(model, id));
      if (!entry || entry.consumedAt === null || entry.consumedAt < since || entry.retriedAt !== null)
        return false;
      const later = [...entries].filter(([, { replaces }]) => replaces === id);
      if (later.some(([, { consumedAt }]) => consumedAt !== null)) return false;
      entries.set(at(model, id), { ...entry, retriedAt: now });
      for (const [place] of later) entries.delete(place);
      return true;
    },
    async remove(model, id) {
      entries.delete(at(model, id));
    },
    count: async (model, now) =>
      [...entries.values()].filter((entry) => entry.model === model && (entry.expiresAt ?? now + 1) > now)
        .length,
    async noteIssued(token) {
      issued.set(token.id, token);
    },
    issued: async (now) => [...issued.values()].filter(({ expiresAt }) => expiresAt > now),
    liveGrants: async (now) =>
      [...entries.values()]
        .filter(({ model, expiresAt }) => model === 'Grant' && (expiresAt ?? now + 1) > now)
        .map(({ grantId, person, client, createdAt, expiresAt }) => {
          const held = [...entries.values()].find((each) => each.grantId === grantId && each.agent !== null);
          return { id: grantId ?? '', person, client, agent: held?.agent ?? null, createdAt, expiresAt };
        }),
    async end(end) {
      const known = ends.get(at(end.kind, end.key));
      if (!known || known.before < end.before) ends.set(at(end.kind, end.key), end);
      drop(entries, end);
    },
    grants: async (person, now) =>
      [...entries.values()]
        .filter((entry) => entry.model === 'Grant' && entry.person === person)
        .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
        .sort((one, other) => other.createdAt - one.createdAt)
        .map(({ grantId, client, createdAt, expiresAt }) => ({
          grantId: grantId ?? '',
          client: client ?? '',
          createdAt,
          expiresAt,
        })),
    ends: async (now) =>
      [...ends.entries()]
        .filter(([, { until }]) => until >= now)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([, end]) => end),
    keys: async () => keys,
    async addKey(key, after) {
      if ((keys.find(({ retiredAt }) => retiredAt === null)?.kid ?? null) !== after) return false;
      keys = [key, ...keys.map((old) => ({ ...old, retiredAt: old.retiredAt ?? key.createdAt }))];
      return true;
    },
    async dropKeys(retiredBefore) {
      keys = keys.filter(({ retiredAt }) => retiredAt === null || retiredAt >= retiredBefore);
    },
  };
}

/** Drops what new tokens could come of, and with it everything of the same grants. */
function drop(entries: Map<string, OauthEntry>, { kind, key }: TokenEnd): void {
  if (kind === 'token') return;
  const name = kind === 'grant' ? 'grantId' : kind;
  const grants = new Set(
    [...entries.values()].filter((entry) => entry[name] === key).map((entry) => entry.grantId),
  );
  for (const [place, entry] of entries) {
    if (entry[name] === key || (entry.grantId !== null && grants.has(entry.grantId))) entries.delete(place);
  }
}
