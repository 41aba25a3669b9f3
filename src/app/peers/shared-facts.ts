import type { StoreMeta } from '../store/store.ts';

/** Small facts by name that all authorities of a store share. */
export type SharedFacts = Pick<StoreMeta, 'get' | 'swap'>;
