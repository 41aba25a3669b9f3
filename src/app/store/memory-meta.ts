import type { StoreMeta } from './store.ts';

/** Facts in memory, for tests. */
export function memoryMeta(facts = new Map<string, string>()): StoreMeta {
  return {
    get: async (name) => facts.get(name) ?? null,
    set: async (name, value) => void facts.set(name, value),
    async swap(name, before, value) {
      if ((facts.get(name) ?? null) !== before) return false;
      facts.set(name, value);
      return true;
    },
  };
}
