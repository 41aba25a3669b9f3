import { errorText } from '../../kernel/fault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Authority } from '../authority/authority.ts';
import type { Peers } from '../peers/peers.ts';

/** How often it is looked whether a round is due, in milliseconds. */
const lookMilliseconds = 5_000;

/** Asks about the devices as often as the rules say, one round after the other. Closing it ends a round that runs. */
export function watchDevices(options: {
  readonly authority: Pick<Authority, 'issuance' | 'checkDevices'> & {
    readonly peers: Pick<Peers, 'leads'>;
  };
  readonly clock: Clock;
  readonly log: (line: string) => void;
}): AsyncDisposable {
  const { authority, clock, log } = options;
  const ending = new AbortController();
  let last = clock.monotonic();
  let running: Promise<void> | null = null;
  const look = async (): Promise<void> => {
    try {
      const { devices } = await authority.issuance.current();
      if (!devices || clock.monotonic() - last < devices.every || !authority.peers.leads()) return;
      last = clock.monotonic();
      const counts = await authority.checkDevices(ending.signal);
      if (!counts || counts.refused + counts.unchecked === 0) return;
      const { asked, refused, unchecked } = counts;
      log(
        `Devices: ${asked} asked about, ${refused} agents without certificates now, ${unchecked} without an answer.`,
      );
    } catch (error) {
      log(`The devices were not all checked and are tried again: ${errorText(error)}`);
    }
  };
  const timer = setInterval(() => {
    running ??= look().finally(() => void (running = null));
  }, lookMilliseconds);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      ending.abort();
      await running;
    },
  };
}
