import type { CallMeter } from '../../gateway/ports.ts';
import type { Meters } from '../../telemetry/meters.ts';
import { methodLabel } from './count-calls.ts';

/** Takes down how long calls take here and at their servers. Only what was permitted comes here, so servers are registered ones. */
export function timeCalls(meters: Meters): CallMeter {
  return {
    forwarded({ server, inbound }, { own, upstream }) {
      const [first, second] = inbound?.messages ?? [];
      const method = second ? 'batch' : labelOf(first);
      meters.time('overheadSeconds', [server], own);
      meters.time('upstreamSeconds', [server, method], upstream);
    },
  };
}

function labelOf(message: { readonly kind: string; readonly method: string | null } | undefined): string {
  if (!message) return 'none';
  if (message.method === null) return 'response';
  return message.kind === 'notification' ? 'notification' : methodLabel(message.method);
}
