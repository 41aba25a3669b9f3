import type { KeptTokenKey, OauthRecords } from './oauth-records.ts';

/** Keys in memory, for specifications. */
export function memoryKeys(): Pick<OauthRecords, 'keys' | 'addKey' | 'dropKeys'> & { all: KeptTokenKey[] } {
  const kept = {
    all: [] as KeptTokenKey[],
    async keys() {
      return kept.all;
    },
    async addKey(key: KeptTokenKey, after: string | null) {
      const signing = kept.all.find(({ retiredAt }) => retiredAt === null);
      if ((signing?.kid ?? null) !== after) return false;
      kept.all = [key, ...kept.all.map((old) => ({ ...old, retiredAt: old.retiredAt ?? key.createdAt }))];
      return true;
    },
    async dropKeys(before: number) {
      kept.all = kept.all.filter(({ retiredAt }) => retiredAt === null || retiredAt >= before);
    },
  };
  return kept;
}
