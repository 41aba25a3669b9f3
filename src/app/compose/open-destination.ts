import { hostname } from 'node:os';
import { type AddressPolicy, addressRanges } from '../../http/address-guard.ts';
import { createClient } from '../../http/fetch.ts';
import { createWebhook } from '../../http/webhook.ts';
import type { Destination } from '../../export/destination.ts';
import { otlpDestination } from '../../export/otlp/otlp-destination.ts';
import { s3Destination } from '../../export/s3/s3-destination.ts';
import { createS3Store, type S3Store } from '../../export/s3/s3-store.ts';
import { syslogDestination } from '../../export/syslog/syslog-destination.ts';
import { webhookDestination } from '../../export/webhook-destination.ts';
import { assertNever } from '../../kernel/assert-never.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import { awsCredentials, type CredentialSource } from '../../secrets/aws/credentials.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import type { ExportDestination } from '../config/audit-export-file.ts';
import { version } from '../version.ts';

/** What opening a destination needs of the world. */
export interface DestinationPorts {
  readonly secrets: Pick<SecretResolver, 'resolve'>;
  readonly clock: Clock;
}

/** What is trusted and shown, as it is now. */
interface Material {
  readonly authorities?: string;
  readonly identity?: { readonly certificate: string; readonly key: string };
}

/** Opens a destination with the files and secrets of now. Throws the faults of reading them. */
export async function openDestination(
  settings: ExportDestination,
  ports: DestinationPorts,
): Promise<Destination> {
  const { secrets, clock } = ports;
  const material = await materialOf(settings, ports);
  const milliseconds = settings.timeoutSeconds * 1_000;
  const called = settings.name;
  switch (settings.kind) {
    case 'webhook': {
      const { url, secret } = settings;
      const webhook = createWebhook({
        url,
        secret: () => secrets.resolve(secret),
        ...material,
        privateAddresses: settings.addresses === 'any' || onThisMachine(url),
        milliseconds,
        clock,
      });
      return webhookDestination(webhook, called, clock);
    }
    case 'syslog': {
      const { host, port, sender = hostname() } = settings;
      const addresses = guardOf(settings.addresses, false);
      return syslogDestination({ called, host, port, sender, addresses, milliseconds, ...material });
    }
    case 's3': {
      const { prefix, lock = null } = settings;
      return s3Destination(await openStore(settings, ports), { called, prefix, lock });
    }
    case 'otlp': {
      const { url, headers } = settings;
      const resolved = async (): Promise<Record<string, string>> =>
        Object.fromEntries(
          await Promise.all(
            Object.entries(headers).map(
              async ([name, value]) => [name, await secrets.resolve(value)] as const,
            ),
          ),
        );
      const place = { called, url, headers: resolved, version };
      return otlpDestination(place, clientOf(settings, material, url), clock);
    }
    default:
      return assertNever(settings);
  }
}

/** Opens the object store of a destination. Throws the faults of reading files and secrets. */
export async function openStore(
  settings: ExportDestination & { readonly kind: 's3' },
  ports: DestinationPorts,
): Promise<S3Store> {
  const { name: called, bucket, region, endpoint = null } = settings;
  const credentials = credentialsOf(settings, ports.secrets);
  const client = clientOf(settings, await materialOf(settings, ports), endpoint);
  return createS3Store({ called, bucket, region, endpoint, credentials }, client, ports.clock);
}

async function materialOf(
  { ca, certificate, key }: ExportDestination,
  { secrets }: DestinationPorts,
): Promise<Material> {
  return {
    ...(ca !== undefined && { authorities: await readTextFile(ca) }),
    ...(certificate !== undefined &&
      key !== undefined && {
        identity: { certificate: await readTextFile(certificate), key: await secrets.resolve(key) },
      }),
  };
}

function clientOf(
  { addresses, timeoutSeconds, kibibytes }: ExportDestination,
  { authorities, identity }: Material,
  url: string | null,
) {
  const milliseconds = timeoutSeconds * 1_000;
  return createClient({
    tls: { ...(authorities !== undefined && { authorities }), ...identity },
    addressGuard: guardOf(addresses, url !== null && onThisMachine(url)),
    limits: {
      connectMilliseconds: milliseconds,
      headMilliseconds: milliseconds,
      totalMilliseconds: milliseconds,
      // A stored batch is read back whole from a store that gives no checksum; a longer entry was sent alone.
      bodyBytes: kibibytes * 1_024 + 16 * 1_048_576,
    },
  });
}

/** Link-local addresses, and with them the metadata services of clouds, are in neither. */
export function guardOf(addresses: 'public' | 'any', loopback: boolean): AddressPolicy {
  if (addresses === 'any') return addressRanges(['public', 'private', 'loopback']);
  return loopback ? addressRanges(['public', 'loopback']) : 'public-only';
}

function onThisMachine(url: string): boolean {
  return new URL(url).protocol === 'http:';
}

function credentialsOf(
  { accessKeyId, secretAccessKey, region }: ExportDestination & { readonly kind: 's3' },
  secrets: Pick<SecretResolver, 'resolve'>,
): CredentialSource {
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    return awsCredentials(process.env, { region, profile: null });
  }
  return async () => ({
    accessKeyId: await secrets.resolve(accessKeyId),
    secretAccessKey: await secrets.resolve(secretAccessKey),
    sessionToken: null,
  });
}
