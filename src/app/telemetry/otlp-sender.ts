import { createClient } from '../../http/fetch.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import type { TelemetryConfig } from '../config/telemetry-settings.ts';

/** Sends OTLP/HTTP in JSON to a collector. */
export interface OtlpSender extends AsyncDisposable {
  /** Throws Fault `unavailable`, `timed_out`, `address_refused`, `gateway_untrusted` or `secret_unresolved`. */
  send(signal: 'traces' | 'metrics', body: JsonObject): Promise<void>;
}

/** How long a collector may take for one piece. */
const sendMilliseconds = 5_000;

/** Known secrets are cut out of whatever is sent: names come from callers. */
export async function openOtlpSender(
  config: Pick<TelemetryConfig, 'otlp'>,
  ports: { readonly redactor: Redactor; readonly secrets: Pick<SecretResolver, 'resolve'> },
): Promise<OtlpSender> {
  const { url, ca, addresses, authorization } = config.otlp;
  const client = createClient({
    ...(ca !== '' && { tls: { authorities: await readTextFile(ca) } }),
    addressGuard: addresses === 'any' || new URL(url).protocol === 'http:' ? 'any' : 'public-only',
    limits: { totalMilliseconds: sendMilliseconds, headMilliseconds: sendMilliseconds, bodyBytes: 65_536 },
  });
  const base = url.replace(/\/+$/, '');
  return {
    async send(signal, body) {
      const shown = authorization === '' ? {} : { authorization: await ports.secrets.resolve(authorization) };
      const { status } = await client.request({
        method: 'POST',
        url: `${base}/v1/${signal}`,
        headers: { 'content-type': 'application/json', ...shown },
        body: JSON.stringify(ports.redactor.redactJson(body)),
      });
      if (status >= 200 && status < 300) return;
      throw new Fault(
        'unavailable',
        `The collector at ${new URL(url).origin} answered with status ${status}.`,
      );
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
