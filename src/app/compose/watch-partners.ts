import type { PartnerRecord } from '../../identity/partner-record.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';
import type { Authority } from '../authority/authority.ts';
import type { Peers } from '../peers/peers.ts';

/** How often it is looked whether a bundle is due, in milliseconds. */
const lookMilliseconds = 5_000;
/** Between two fetchings, in milliseconds: what a bundle asks for, within these bounds. */
const bounds = { least: 30_000, usual: 5 * 60_000, most: 6 * 60 * 60_000 } as const;
/** After a fetching that failed. */
const retryMilliseconds = 60_000;

/** How long after it was read a bundle is fetched again, in milliseconds: well before it would expire. */
export function refreshAfter({ refreshHint, trustedFor }: PartnerRecord): number {
  const asked = refreshHint === null ? bounds.usual : refreshHint * 1_000;
  return Math.min(Math.max(bounds.least, Math.min(asked, bounds.most)), trustedFor / 2);
}

/** Fetches the bundles of partners again when they are due. Closing it waits for one that is on its way. */
export function watchPartners(options: {
  readonly authority: Pick<Authority, 'partners'> & { readonly peers: Pick<Peers, 'leads'> };
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly every?: number;
}): AsyncDisposable {
  const { authority, clock, log } = options;
  const retryAt = new Map<string, number>();
  let running: Promise<void> | null = null;
  const isDue = (partner: PartnerRecord): boolean => {
    const now = clock.now();
    if (!partner.source || now < partner.readAt + refreshAfter(partner)) return false;
    return now >= (retryAt.get(partner.name) ?? 0);
  };
  const refresh = async ({ name, trustDomain }: PartnerRecord): Promise<void> => {
    try {
      await authority.partners.refresh(name);
      retryAt.delete(name);
    } catch (error) {
      retryAt.set(name, clock.now() + retryMilliseconds);
      log(
        `The bundle of the partner ${name} (${trustDomain}) was not read and is tried again: ${errorText(error)}`,
      );
    }
  };
  const look = async (): Promise<void> => {
    if (!authority.peers.leads()) return;
    const all = await authority.partners.list();
    await Promise.all(all.filter(isDue).map(refresh));
  };
  const timer = setInterval(() => {
    running ??= look()
      .catch((error: unknown) => log(`The partners could not be looked at: ${errorText(error)}`))
      .finally(() => void (running = null));
  }, options.every ?? lookMilliseconds);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
