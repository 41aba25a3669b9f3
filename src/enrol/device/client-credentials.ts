import type { Client } from '../../http/fetch.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';

/** A client at an OAuth server (RFC 6749 §4.4). */
export interface ClientAccount {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: () => Promise<string>;
  readonly scope: string | null;
}

/** Gives the access token of a client, asked for again ahead of its end and when it was not accepted. */
export interface ClientCredentials {
  /** Throws Fault `unavailable`, or what the secret and the client throw. */
  token(): Promise<string>;
  forget(): void;
}

/** Ahead of its end by a minute, so that a request on its way does not arrive late. */
const early = 60_000;

export function clientCredentials(account: ClientAccount, client: Client, clock: Clock): ClientCredentials {
  let held: { readonly token: string; readonly until: number } | null = null;
  return {
    async token() {
      if (held && clock.monotonic() < held.until) return held.token;
      held = await ask(account, client, clock);
      return held.token;
    },
    forget: () => void (held = null),
  };
}

async function ask(
  { tokenUrl, clientId, clientSecret, scope }: ClientAccount,
  client: Client,
  clock: Clock,
): Promise<{ readonly token: string; readonly until: number }> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: await clientSecret(),
    ...(scope !== null && { scope }),
  });
  const answer = await client.request({
    method: 'POST',
    url: tokenUrl,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form.toString(),
  });
  const said = answer.status === 200 ? answer.json() : null;
  const token = isJsonObject(said) ? said['access_token'] : null;
  const seconds = isJsonObject(said) ? Number(said['expires_in'] ?? 0) : 0;
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
    const place = new URL(tokenUrl).origin;
    throw new Fault('unavailable', `${place} gave no access token (status ${answer.status}).`);
  }
  const life = Number.isFinite(seconds) ? Math.max(0, Math.min(seconds, 86_400) * 1000 - early) : 0;
  return { token, until: clock.monotonic() + life };
}
