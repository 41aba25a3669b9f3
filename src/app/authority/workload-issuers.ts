import { readFile, stat } from 'node:fs/promises';
import type { JSONWebKeySet } from 'jose';
import { KeySource, readKeySet } from '../../enrol/workload/key-source.ts';
import type { WorkloadIssuers } from '../../enrol/workload/workload-door.ts';
import type { WorkloadIssuer } from '../../enrol/workload/workload-issuer.ts';
import { type Client, createClient } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type ConfiguredIssuer, readWorkloads } from '../config/workloads-file.ts';

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
  private readonly path: string;
  private readonly clock: Clock;
  private reading: Promise<Reading> | null = null;
  /** What the file looked like at that reading; another look is another reading. */
  private version = '';

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.clock = clock;
  }

  async list(): Promise<readonly ConfiguredIssuer[]> {
    return (await this.current()).issuers;
  }

  async keysOf(issuer: WorkloadIssuer, kid: string | null): Promise<JSONWebKeySet> {
    const { issuers, keys } = await this.current();
    const configured = issuers.find(({ name }) => name === issuer.name);
    if (!configured) throw new Fault('unavailable', `The issuer ${issuer.name} was just taken away.`);
    const source = keys.get(configured);
    return source ? await source.keys(kid) : await keysOfFile(configured);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeClients((await this.reading?.catch(() => null)) ?? { clients: [] });
  }

  private async current(): Promise<Reading> {
    const version = await versionOf(this.path);
    if (this.reading && this.version === version) return await this.reading;
    const before = this.reading;
    const reading = this.read(version);
    this.reading = reading;
    this.version = version;
    // What could not be read is read again the next time: another file, which this one names, may have been wrong.
    reading.catch(() => {
      if (this.reading === reading) this.reading = null;
    });
    before?.then(closeClients).catch(() => undefined);
    return await reading;
  }

  private async read(version: string): Promise<Reading> {
    const issuers = version === '' ? [] : readWorkloads(this.path, await readFile(this.path, 'utf8'));
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
      keys.set(issuer, new KeySource(place, client, this.clock));
    }
    return { issuers, keys, clients };
  }
}

async function closeClients({ clients }: Pick<Reading, 'clients'>): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}

/** What tells one state of a file from another; '' when there is none. */
async function versionOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw new Fault('unavailable', `${path} cannot be read: ${errorText(error)}.`, { cause: error });
  }
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
