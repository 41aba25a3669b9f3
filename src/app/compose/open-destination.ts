import { createWebhook } from '../../http/webhook.ts';
import type { Destination } from '../../export/destination.ts';
import { webhookDestination } from '../../export/webhook-destination.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import type { ExportDestination } from '../config/audit-export-file.ts';

/** What opening a destination needs of the world. */
export interface DestinationPorts {
  readonly secrets: Pick<SecretResolver, 'resolve'>;
  readonly clock: Clock;
}

/** Opens a destination with the files and secrets of now. Throws the faults of reading them. */
export async function openDestination(
  settings: ExportDestination,
  { secrets, clock }: DestinationPorts,
): Promise<Destination> {
  const { name, ca, certificate, key } = settings;
  const authorities = ca === undefined ? undefined : await readTextFile(ca);
  const identity =
    certificate === undefined || key === undefined
      ? undefined
      : { certificate: await readTextFile(certificate), key: await secrets.resolve(key) };
  const { url, secret } = settings;
  const webhook = createWebhook({
    url,
    secret: () => secrets.resolve(secret),
    ...(authorities !== undefined && { authorities }),
    ...(identity && { identity }),
    privateAddresses: settings.addresses === 'any' || new URL(url).protocol === 'http:',
    milliseconds: settings.timeoutSeconds * 1_000,
    clock,
  });
  return webhookDestination(webhook, name, clock);
}
