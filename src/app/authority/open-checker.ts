import { readFile } from 'node:fs/promises';
import { clientCredentials } from '../../enrol/device/client-credentials.ts';
import type { DeviceChecker } from '../../enrol/device/device-checker.ts';
import { intuneChecker } from '../../enrol/device/intune-checker.ts';
import { jamfChecker } from '../../enrol/device/jamf-checker.ts';
import { webhookChecker } from '../../enrol/device/webhook-checker.ts';
import { createClient } from '../../http/fetch.ts';
import { createWebhook } from '../../http/webhook.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import type { ConfiguredDevices } from '../config/issuance-file.ts';

const largestAnswer = 256 * 1024;

/** Whoever is asked about devices, as the file says. Throws what reading the file of its authorities throws. */
export async function openChecker(
  { checker, patience: milliseconds }: Pick<ConfiguredDevices, 'checker' | 'patience'>,
  secrets: SecretResolver,
  clock: Clock,
): Promise<DeviceChecker> {
  const { ca, privateAddresses } = checker;
  const authorities = ca === null ? null : await readFile(ca, 'utf8');
  if (checker.type === 'webhook') {
    const { url, secret } = checker;
    return webhookChecker(
      createWebhook({
        url,
        secret: () => secrets.resolve(secret),
        ...(authorities !== null && { authorities }),
        privateAddresses,
        milliseconds,
        clock,
      }),
    );
  }
  const client = createClient({
    ...(authorities !== null && { tls: { authorities } }),
    addressGuard: privateAddresses ? 'any' : 'public-only',
    limits: {
      connectMilliseconds: milliseconds,
      headMilliseconds: milliseconds,
      totalMilliseconds: milliseconds,
      bodyBytes: largestAnswer,
    },
  });
  const { url, tokenUrl, clientId } = checker;
  const scope = checker.type === 'intune' ? new URL('/.default', url).href : null;
  const clientSecret = (): Promise<string> => secrets.resolve(checker.clientSecret);
  const credentials = clientCredentials({ tokenUrl, clientId, clientSecret, scope }, client, clock);
  return checker.type === 'intune'
    ? intuneChecker({ url, credentials, client, grace: checker.grace })
    : jamfChecker({ url, group: checker.group, credentials, client });
}
