import type { Clock } from '../../kernel/clock.ts';
import type { RegisteredClients } from '../../oauth/server/registered-clients.ts';
import { type ConfiguredClient, readClients } from '../config/clients-file.ts';
import { TokenIssuersFile } from './token-issuers-file.ts';

/** The clients of `clients.yaml`, as it is now. A file that is wrong from the start is told now, not to the first client. */
export async function openRegisteredClients(
  path: string,
  clock: Clock,
): Promise<RegisteredClients & AsyncDisposable> {
  const file = new TokenIssuersFile<ConfiguredClient>(path, readClients, clock);
  await file.list();
  return {
    async find(id, kid) {
      const client = (await file.list()).find((each) => each.id === id);
      if (!client) return null;
      const { title: name, redirects, grants, algorithm } = client;
      return { id, name, redirects, grants, algorithm, keys: await file.keysOf(client, kid) };
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
