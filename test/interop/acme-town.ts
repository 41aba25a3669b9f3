import { createServer } from 'node:http';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findOperation } from '../../src/app/admin/operations.ts';
import { isJsonObject, type Json, type JsonObject } from '../../src/kernel/canonical-json.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { freePort } from './free-port.ts';
import { openNameServer } from './name-server.ts';

/** A town whose ACME door looks at challenges on this machine, with what a client needs to answer them. */
export interface AcmeTown extends AsyncDisposable {
  readonly town: Town;
  readonly directory: string;
  /** The root certificate, in PEM. */
  readonly roots: string;
  readonly httpPort: number;
  readonly tlsPort: number;
  /** TXT records by name. */
  readonly texts: Map<string, string[]>;
  /** What is served at the HTTP port, by path, once `serveHttp` was called. */
  readonly pages: Map<string, string>;
  /** And from then on; `folder` holds more pages, by token. */
  serveHttp(folder?: string): Promise<void>;
  /** An external account key; the server it is for is registered when it is not yet. */
  key(
    name: string,
    more?: {
      readonly kind?: 'agent' | 'server';
      readonly dnsNames?: readonly string[];
      readonly ipAddresses?: readonly string[];
    },
  ): Promise<{ readonly kid: string; readonly hmacKey: string }>;
  run(operation: string, input: JsonObject): Promise<JsonObject>;
}

/** Opens one; `settings` are members of the door's. */
export async function openAcmeTown(settings: JsonObject = {}): Promise<AcmeTown> {
  await using opened = new AsyncDisposableStack();
  const texts = new Map<string, string[]>();
  const nameServer = opened.use(await openNameServer(texts));
  const httpPort = await freePort();
  const tlsPort = await freePort();
  const acme = {
    addresses: ['loopback'],
    resolvers: [`127.0.0.1:${nameServer.port}`],
    httpPort,
    tlsPort,
    ...settings,
  };
  const town = opened.use(await openTown({}, { authority: { acme } }));
  const { authority } = town.deployment;
  const pages = new Map<string, string>();
  const run = async (operation: string, input: JsonObject): Promise<JsonObject> => {
    const json = await findOperation(operation).run(authority, input, { name: 'test', way: 'local' });
    return isJsonObject(json) ? json : { list: json };
  };
  const held = opened.move();
  return {
    town,
    directory: `${town.authorityUrl}/acme/directory`,
    roots: authority.describe().roots,
    httpPort,
    tlsPort,
    texts,
    pages,
    run,
    async serveHttp(folder) {
      const server = createServer((request, response) => {
        const path = request.url ?? '';
        const file = folder === undefined ? '' : join(folder, basename(path));
        const page = pages.get(path) ?? (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
        response.writeHead(page === undefined ? 404 : 200).end(page);
      });
      server.listen(httpPort, '127.0.0.1');
      await once(server, 'listening');
      held.defer(() => {
        server.closeAllConnections();
        server.close();
      });
    },
    async key(name, { kind = 'server', dnsNames = [], ipAddresses = [] } = {}) {
      if (kind === 'server' && !(await authority.store.servers.find(name))) {
        await town.addHttpServer(name, `https://${name}.example.internal/mcp`);
      }
      const order = { name, kind, dnsNames: [...dnsNames], ipAddresses: [...ipAddresses] };
      const made = await run('acme-key.create', order);
      return { kid: textOf(made['keyId']), hmacKey: textOf(made['hmacKey']) };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function textOf(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error('a text was expected');
  return value;
}
