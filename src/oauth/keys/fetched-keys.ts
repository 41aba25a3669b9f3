import type { JSONWebKeySet } from 'jose';
import { type Client, type ClientLimits, createClient } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { rememberedFor } from '../../kernel/remembered-for.ts';
import { assertNever } from '../../kernel/assert-never.ts';
import type { IssuerKeys } from '../resource/ports.ts';
import type { TokenIssuer } from '../resource/token-rules.ts';
import { KeySource } from './key-source.ts';

const defaultLimits = { connectMilliseconds: 5_000, totalMilliseconds: 10_000, bodyBytes: 256 * 1024 };

interface Fetched {
  readonly client: Client;
  readonly source: KeySource;
}

/** The keys of issuers from where the rules say they are; those of an issuer that did not change are kept when rules do. */
export class FetchedKeys implements IssuerKeys, AsyncDisposable {
  private readonly clock: Clock;
  private readonly limits: Partial<ClientLimits>;
  private readonly fetched = new Map<string, Fetched>();

  constructor(clock: Clock, limits: Partial<ClientLimits> = defaultLimits) {
    this.clock = clock;
    this.limits = limits;
  }

  keysOf({ keys }: TokenIssuer, kid: string | null): JSONWebKeySet | Promise<JSONWebKeySet> {
    switch (keys.kind) {
      case 'set':
        return keys.set;
      case 'place':
        return this.sourceAt(keys).keys(kid);
      default:
        return assertNever(keys);
    }
  }

  /** Forgets the keys of issuers that are not among these. */
  keep(issuers: readonly TokenIssuer[]): void {
    const kept = new Set(issuers.map(({ keys }) => (keys.kind === 'place' ? nameOf(keys) : '')));
    for (const [name, { client }] of this.fetched) {
      if (kept.has(name)) continue;
      this.fetched.delete(name);
      void client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.fetched.values()];
    this.fetched.clear();
    await Promise.all(open.map(({ client }) => client.close()));
  }

  private sourceAt(keys: PlacedKeys): KeySource {
    const name = nameOf(keys);
    const known = this.fetched.get(name);
    if (known) return known.source;
    const client = createClient({
      ...(keys.authorities !== null && { tls: { authorities: keys.authorities } }),
      addressGuard: keys.privateAddresses ? 'any' : 'public-only',
      limits: this.limits,
    });
    const source = new KeySource(keys.place, client, this.clock);
    this.fetched.set(name, { client, source });
    return source;
  }
}

type PlacedKeys = Extract<TokenIssuer['keys'], { readonly kind: 'place' }>;

/** Two issuers that differ in anything about their keys share none. Asked on every request, so it is kept. */
const nameOf = rememberedFor((keys: PlacedKeys): string => JSON.stringify(keys));
