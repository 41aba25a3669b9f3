import type { Webhook } from '../../http/webhook.ts';
import { Fault } from '../../kernel/fault.ts';
import type { DeviceChecker } from './device-checker.ts';

/**
 * Asks a webhook: `{"type":"device.check","device":…,"name":…,"kind":…}`, answered by `{"compliant":true}` or
 * `{"compliant":false,"reason":"…"}`, signed.
 */
export function webhookChecker(webhook: Webhook): DeviceChecker {
  return {
    async ask({ device, name, kind }) {
      const answer = await webhook.ask({ type: 'device.check', device, name, kind });
      const { compliant, reason } = answer;
      if (typeof compliant !== 'boolean' || (reason !== undefined && typeof reason !== 'string')) {
        throw new Fault('unavailable', 'The webhook does not say whether the device is compliant.');
      }
      const said = (reason ?? '').slice(0, 300);
      return { compliant, reason: said || (compliant ? 'compliant' : 'not compliant') };
    },
    [Symbol.asyncDispose]: () => webhook[Symbol.asyncDispose](),
  };
}
