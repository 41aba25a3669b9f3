import { readFile } from 'node:fs/promises';
import type { JSONWebKeySet } from 'jose';
import { type Client, createClient } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { KeySource, readKeySet } from '../../oauth/keys/key-source.ts';
import type { KeyedIssuer } from '../config/keyed-issuer.ts';
import { ChangingFile } from './changing-file.ts';

const limits = { connectMilliseconds: 5_000, totalMilliseconds: 10_000, bodyBytes: 256 * 1024 };

/** One reading of the file. */
interface Reading<Issuer extends KeyedIssuer> {
  readonly issuers: readonly Issuer[];
  readonly keys: ReadonlyMap<KeyedIssuer, KeySource>;
  readonly clients: ReadonlyMap<KeyedIssuer, Client>;
  /** The only authorities that vouch for an issuer's server, in PEM. */
  readonly vouching: ReadonlyMap<KeyedIssuer, string>;
}

/** Reads the text of a file. Throws Fault `config_invalid`. */
type ReadIssuers<Issuer> = (file: string, text: string) => readonly Issuer[];

/**
 * The issuers of a file, read again when it has changed. Without the file there are none; while it cannot be read no token is
 * accepted.
 */
export class TokenIssuersFile<Issuer extends KeyedIssuer> implements AsyncDisposable {
  private readonly file: ChangingFile<Reading<Issuer>>;

  constructor(path: string, readIssuers: ReadIssuers<Issuer>, clock: Clock) {
    this.file = new ChangingFile<Reading<Issuer>>({
      path,
      read: (text) => readAll(text === null ? [] : readIssuers(path, text), clock),
      close: closeClients,
    });
  }

  async list(): Promise<readonly Issuer[]> {
    return (await this.file.current()).issuers;
  }

  async keysOf(issuer: Pick<KeyedIssuer, 'name'>, kid: string | null): Promise<JSONWebKeySet> {
    const { issuers, keys } = await this.file.current();
    const configured = issuers.find(({ name }) => name === issuer.name);
    if (!configured) throw new Fault('unavailable', `The issuer ${issuer.name} was just taken away.`);
    const source = keys.get(configured);
    return source ? await source.keys(kid) : await keysOfFile(configured);
  }

  /** The only authorities that vouch for the server of an issuer, in PEM, or null for those of the system. */
  async vouchingFor(issuer: Issuer): Promise<string | null> {
    return (await this.file.current()).vouching.get(issuer) ?? null;
  }

  /** What reaches the server of an issuer and nobody's else. Throws Fault `unavailable` for one that was just taken away. */
  async clientOf({ name }: Pick<KeyedIssuer, 'name'>): Promise<Client> {
    const { issuers, clients } = await this.file.current();
    const configured = issuers.find((each) => each.name === name);
    const client = configured && clients.get(configured);
    if (client) return client;
    throw new Fault('unavailable', `The issuer ${name} was just taken away.`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.file[Symbol.asyncDispose]();
  }
}

async function readAll<Issuer extends KeyedIssuer>(
  issuers: readonly Issuer[],
  clock: Clock,
): Promise<Reading<Issuer>> {
  const keys = new Map<KeyedIssuer, KeySource>();
  const vouching = new Map<KeyedIssuer, string>();
  const clients = new Map<KeyedIssuer, Client>();
  const authorities = await Promise.all(
    issuers.map(async ({ authority }) => (authority === null ? null : await readFile(authority, 'utf8'))),
  );
  for (const [at, issuer] of issuers.entries()) {
    const { keys: place, privateAddresses } = issuer;
    if ('file' in place) continue;
    const only = authorities[at] ?? null;
    if (only !== null) vouching.set(issuer, only);
    const client = createClient({
      ...(only !== null && { tls: { authorities: only } }),
      addressGuard: privateAddresses ? 'any' : 'public-only',
      limits,
    });
    clients.set(issuer, client);
    keys.set(issuer, new KeySource(place, client, clock));
  }
  return { issuers, keys, clients, vouching };
}

async function closeClients({
  clients,
}: {
  readonly clients: ReadonlyMap<KeyedIssuer, Client>;
}): Promise<void> {
  await Promise.all([...clients.values()].map((client) => client.close()));
}

async function keysOfFile({ name, keys }: KeyedIssuer): Promise<JSONWebKeySet> {
  const file = 'file' in keys ? keys.file : '';
  try {
    return readKeySet(parseJson(await readFile(file)));
  } catch (error) {
    throw new Fault('unavailable', `The keys of the issuer ${name} cannot be read: ${errorText(error)}`, {
      cause: error,
    });
  }
}
