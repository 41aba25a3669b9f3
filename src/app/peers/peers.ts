import type { PeerFacts } from './roll.ts';

/** Another authority of the store, or this one. */
export interface Peer extends PeerFacts {
  readonly id: string;
  readonly isSelf: boolean;
  readonly alive: boolean;
  readonly leads: boolean;
}

/** The authorities of one store, as this one sees them. */
export interface Peers extends AsyncDisposable {
  /** The id of this authority, which outlives the process; null where there is only one. */
  readonly self: string | null;
  list(): readonly Peer[];
  /** Whether an authority may still go on with what it has begun. Null is one from before there were several. */
  isGone(id: string | null): boolean;
  /** Whether the periodic work is this authority's at the moment. */
  leads(): boolean;
  /** Whether this authority has reached the store lately, and nobody else goes by its name. */
  isCurrent(): boolean;
  /** What the others are told of this one from now on. */
  say(facts: Partial<PeerFacts>): void;
  /** Does something whenever a sign of life was given: what others changed in the store is looked at. Returns how to stop. */
  onBeat(listener: () => Promise<void>): () => void;
}

/** The only authority of a store that no other process can open: nobody else is alive, and everything is its own to do. */
export function onlyAuthority(): Peers {
  return {
    self: null,
    list: () => [],
    isGone: () => true,
    leads: () => true,
    isCurrent: () => true,
    say: () => undefined,
    onBeat: () => () => undefined,
    async [Symbol.asyncDispose]() {},
  };
}
