import { toHex } from '../../kernel/bytes.ts';
import { randomBytes } from '../../kernel/random.ts';
import type { StoreMeta } from '../store/store.ts';

const fact = 'store-id';

/** What tells one history of changes from another; the same for every authority of a store. */
export async function storeId(meta: StoreMeta): Promise<string> {
  return (await meta.get(fact)) ?? (await renewStoreId(meta));
}

/** From now on it is another history: a backup was restored, and numbers of changes come a second time. */
export async function renewStoreId(meta: StoreMeta): Promise<string> {
  const id = toHex(randomBytes(16));
  await meta.set(fact, id);
  return id;
}
