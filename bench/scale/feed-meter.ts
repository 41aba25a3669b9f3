import { request } from 'node:https';
import type { Presented } from '../../tour/raw-request.ts';

/** A gateway that does nothing with its feed but count its octets. */
export interface FeedMeter extends Disposable {
  /** Octets so far. */
  octets(): number;
  /** Octets and milliseconds of the snapshot with which it began. */
  readonly snapshot: { readonly octets: number; readonly milliseconds: number };
}

/** Opens a feed and waits for its first heartbeat, so that the snapshot is over. */
export function openFeedMeter(authority: string, shown: Presented): Promise<FeedMeter> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(`${authority}/v1/feed`, { ...shown, agent: false, headers: { prefer: 'parts' } });
    sent.once('error', reject);
    sent.once('response', (response) => {
      if (response.statusCode !== 200) reject(new Error(`the feed answered ${response.statusCode}`));
      let octets = 0;
      let tail = '';
      const meter = (): FeedMeter => ({
        octets: () => octets,
        snapshot: { octets, milliseconds: performance.now() - began },
        [Symbol.dispose]: () => sent.destroy(),
      });
      response.on('error', () => undefined);
      response.on('data', (chunk: Buffer) => {
        octets += chunk.length;
        tail = (tail + chunk.toString('latin1')).slice(-64);
        if (/"type":"heartbeat"/.test(chunk.toString('latin1'))) resolve(meter());
      });
    });
    sent.end();
  });
}
