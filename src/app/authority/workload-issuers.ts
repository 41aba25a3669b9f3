import { readFile } from 'node:fs/promises';
import type { JSONWebKeySet } from 'jose';
import { KeySource, readKeySet } from '../../enrol/workload/key-source.ts';
import type { WorkloadIssuers } from '../../enrol/workload/workload-door.ts';
import type { WorkloadIssuer } from '../../enrol/workload/workload-issuer.ts';
import { type Client, createClient } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type ConfiguredIssuer, readWorkloads } from '../config/workloads-file.ts';
import { ChangingFile } from './changing-file.ts';

const limits = { connectMilliseconds: 5_000, totalMilliseconds: 10_000, bodyBytes: 256 * 1024 };

/** One reading of the file. */
interface Reading {
  readonly issuers: readonly ConfiguredIssuer[];
  readonly keys: ReadonlyMap<WorkloadIssuer, KeySource>;
  readonly clients: readonly Client[];
}

/**
 * The issuers of a file, read again when it has changed. Without the file there are none; while it cannot be read no token is
 * accepted.
 */
export class WorkloadsFile implements WorkloadIssuers, AsyncDisposable {
  private readonly file: ChangingFile<Reading>;

  constructor(path: string, clock: Clock) {
    this.file = new ChangingFile<Reading>({
      path,
      read: (text) => readAll(text === null ? [] : readWorkloads(path, text), clock),
      close: closeClients,
    });
  }

  async list(): Promise<readonly ConfiguredIssuer[]> {
    return (await this.file.current()).issuers;
  }

  async keysOf(issuer: WorkloadIssuer, kid: string | null): Promise<JSONWebKeySet> {
    const { issuers, keys } = await this.file.current();
    const configured = issuers.find(({ name }) => name === issuer.name);
    if (!configured) throw new Fault('unavailable', `The issuer ${issuer.name} was just taken away.`);
    const source = keys.get(configured);
    return source ? await source.keys(kid) : await keysOfFile(configured);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.file[Symbol.asyncDispose]();
  }
}

async function readAll(issuers: readonly ConfiguredIssuer[], clock: Clock): Promise<Reading> {
  const keys = new Map<WorkloadIssuer, KeySource>();
  const clients: Client[] = [];
  const authorities = await Promise.all(
    issuers.map(async ({ authority }) => (authority === null ? null : await readFile(authority, 'utf8'))),
  );
  for (const [at, issuer] of issuers.entries()) {
    const { keys: place, privateAddresses } = issuer;
    if ('file' in place) continue;
    const vouching = authorities[at] ?? null;
    const client = createClient({
      ...(vouching !== null && { tls: { authorities: vouching } }),
      addressGuard: privateAddresses ? 'any' : 'public-only',
      limits,
    });
    clients.push(client);
    keys.set(issuer, new KeySource(place, client, clock));
  }
  return { issuers, keys, clients };
}

async function closeClients({ clients }: Pick<Reading, 'clients'>): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}

async function keysOfFile({ name, keys }: ConfiguredIssuer): Promise<JSONWebKeySet> {
  const file = 'file' in keys ? keys.file : '';
  try {
    return readKeySet(parseJson(await readFile(file)));
  } catch (error) {
    throw new Fault('unavailable', `The keys of the issuer ${name} cannot be read: ${errorText(error)}`, {
      cause: error,
    });
  }
}
