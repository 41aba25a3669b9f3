import type { SealingKeys } from '../../gateway/key-ring.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Change, StoreSnapshot } from '../store/change-feed.ts';
import type { FeedStamp } from './feed-age.ts';

/** One file of the policy folder, by its name without the folder: Cedar policies, the limits or the token rules. */
export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

/** Who issues access tokens, and with which keys; gateways fetch neither. */
export interface TokenTrust {
  /** `iss` of the tokens. */
  readonly issuer: string;
  /** Public JWKs (RFC 7517), the one that signs first. */
  readonly keys: readonly JsonObject[];
}

/** Whom gateways trust, and who issues. */
export interface FeedTrust {
  /** PEM. */
  readonly roots: string;
  /** Key identifier, in hex. */
  readonly issuer: string;
  /** Missing while this authority issues no access tokens. */
  readonly tokens?: TokenTrust;
}

/** How far somebody has heard of a store. */
export interface HeardOf {
  readonly store: string;
  readonly sequence: number;
}

/** One line of the feed from the authority to a gateway. The first is a snapshot; a heartbeat says "still here". */
export type FeedMessage =
  | {
      readonly type: 'snapshot';
      readonly registry: StoreSnapshot;
      readonly policies: readonly PolicyFile[];
      readonly trust?: FeedTrust;
      /** Which store that is the registry of: another one after a backup was restored. Missing from an older version. */
      readonly store?: string;
      readonly stamp?: FeedStamp;
      /** Missing from an older version: each gateway seals with its own. */
      readonly sealing?: SealingKeys;
    }
  // In place of the snapshot, for one who has heard of that store up to a number: the changes after it follow.
  | {
      readonly type: 'resumed';
      readonly store: string;
      readonly policies: readonly PolicyFile[];
      readonly trust: FeedTrust;
      readonly stamp?: FeedStamp;
      readonly sealing?: SealingKeys;
    }
  | { readonly type: 'change'; readonly change: Change }
  | { readonly type: 'policies'; readonly policies: readonly PolicyFile[] }
  // With it when it has changed; who does not know the member passes it over.
  | {
      readonly type: 'heartbeat';
      readonly trust?: FeedTrust;
      readonly sealing?: SealingKeys;
      /** Ids of calls that nobody has to wait for any more (`call-approval.*`). */
      readonly decided?: readonly string[];
      readonly stamp?: FeedStamp;
    };

/** Where a gateway hears of the registry. */
export interface Feed {
  /**
   * Calls the listener with a snapshot first, or with what came after `heard` where that is still known, then with every
   * change, and with heartbeats while nothing changes. Returns how to stop.
   */
  subscribe(listener: (message: FeedMessage) => void, heard?: HeardOf | null): Promise<() => void>;
  /** The stamp of what is said now. */
  now(): FeedStamp;
}
