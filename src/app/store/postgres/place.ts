/** Where a PostgreSQL is, and how to get in. */
export interface PostgresPlace {
  /** Tried in order until one answers that takes writes; a path of a folder is where its Unix socket lies. */
  readonly hosts: readonly PostgresHost[];
  readonly database: string;
  readonly user: string;
  /** Read anew for every connection; null when it is let in without one. Throws what reading a secret throws. */
  readonly password: (() => Promise<string>) | null;
  /** Null only for hosts of this machine. Read anew for every connection. */
  readonly tls: (() => Promise<PostgresTls>) | null;
}

export interface PostgresHost {
  readonly host: string;
  readonly port: number;
}

/** PEM each. */
export interface PostgresTls {
  /** The only authorities that vouch for the server; null for those of the system. */
  readonly authorities: string | null;
  /** Our certificate and its key, where the server asks for one. */
  readonly certificate: string | null;
  readonly key: string | null;
}

/** What the places are called in what is said to people. */
export function placeName({ hosts, database }: PostgresPlace): string {
  return `${hosts.map(({ host, port }) => (host.startsWith('/') ? host : `${host}:${port}`)).join(', ')}/${database}`;
}
