import type { Client } from '../../http/fetch.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ClientCredentials } from './client-credentials.ts';

/**
 * Reads a JSON object from a register of devices; null when there is none there (404). A token that is not accepted any more
 * is asked for once again. Throws Fault `unavailable`, or what the client throws.
 */
export async function readRegister(
  url: string,
  client: Client,
  credentials: ClientCredentials,
): Promise<JsonObject | null> {
  const read = async () =>
    client.request({
      method: 'GET',
      url,
      headers: { authorization: `Bearer ${await credentials.token()}`, accept: 'application/json' },
    });
  let answer = await read();
  if (answer.status === 401) {
    credentials.forget();
    answer = await read();
  }
  if (answer.status === 404) return null;
  const said = answer.status === 200 ? answer.json() : null;
  if (isJsonObject(said)) return said;
  throw new Fault(
    'unavailable',
    `${new URL(url).origin} answered with status ${answer.status} and no object.`,
  );
}

/** The one entry of a list; null when there is none. Two devices of one number could be either. */
export function onlyOne(list: unknown): JsonObject | null {
  const entries = Array.isArray(list) ? list : null;
  if (entries === null) throw new Fault('unavailable', 'The register of devices answered without a list.');
  if (entries.length > 1)
    throw new Fault('unavailable', 'The register has more than one device of that number.');
  const [entry] = entries;
  if (entry === undefined) return null;
  if (isJsonObject(entry)) return entry;
  throw new Fault('unavailable', 'The register of devices answered with a list of something else.');
}
