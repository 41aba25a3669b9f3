import { readFile } from 'node:fs/promises';
import type { TlsMaterial } from '../http/exchange.ts';
import type { OutgoingPool } from '../http/outgoing.ts';
import { checkServerIdentity } from '../http/server-identity.ts';
import { createUndiciPool } from '../http/undici-pool.ts';
import { createWirePool } from '../http/wire-pool.ts';
import type { HttpEngine } from '../http/http-engine.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import type { UpstreamLimits } from './limits.ts';
import type { HttpServerDefinition } from './server-definition.ts';

/** The connections to one server. */
export interface HttpPool extends AsyncDisposable {
  /** A pool with our certificate as of now. Throws Fault `upstream_unreachable` when the authority file does not load. */
  current(): OutgoingPool | Promise<OutgoingPool>;
  /** The next use makes new connections; what is under way ends undisturbed. */
  renew(): void;
}

type Identity = Pick<TlsMaterial, 'certificate' | 'key'>;

export interface HttpPoolOptions {
  readonly limits: UpstreamLimits;
  readonly identity: () => Identity;
  readonly clock: Clock;
  readonly engine: HttpEngine;
}

/** What of a definition says where the server is and whom to take for it. */
export type Reached = Pick<HttpServerDefinition, 'name' | 'url' | 'tls'>;

export function createHttpPool(definition: Reached, options: HttpPoolOptions): HttpPool {
  const shown = (): Identity | null => (definition.tls.presentCertificate ? options.identity() : null);
  const retiring = new Set<Promise<void>>();
  let open: OpenPool | null = null;
  let disposed = false;

  const beginPool = (identity: Identity | null): OpenPool => {
    const begun: OpenPool = { pool: openPool(definition, options, identity), ready: null, identity };
    begun.pool.then(
      (pool) => (begun.ready = pool),
      () => {
        if (open === begun) open = null;
      },
    );
    return begun;
  };

  const retire = (): void => {
    if (!open) return;
    const closing = open.pool.then((pool) => pool.close()).catch(() => undefined);
    open = null;
    retiring.add(closing);
    void closing.finally(() => retiring.delete(closing));
  };

  return {
    current() {
      if (disposed) throw new Fault('upstream_unreachable', `MCP server ${definition.name} was removed.`);
      const now = shown();
      if (open && !sameIdentity(open.identity, now)) retire();
      open ??= beginPool(now);
      return open.ready ?? open.pool;
    },
    renew: retire,
    async [Symbol.asyncDispose]() {
      disposed = true;
      const last = open;
      open = null;
      const pool = await last?.pool.catch(() => null);
      await pool?.destroy();
      await Promise.allSettled(retiring);
    },
  };
}

interface OpenPool {
  readonly pool: Promise<OutgoingPool>;
  /** The pool once it is there. */
  ready: OutgoingPool | null;
  readonly identity: Identity | null;
}

function sameIdentity(a: Identity | null, b: Identity | null): boolean {
  return a === b || (a !== null && b !== null && a.certificate === b.certificate && a.key === b.key);
}

async function openPool(
  { name, url, tls }: Reached,
  { limits, clock, engine }: HttpPoolOptions,
  identity: Identity | null,
): Promise<OutgoingPool> {
  const authority = tls.authority === null ? null : await readAuthority(name, tls.authority);
  const createPool = engine === 'wire' ? createWirePool : createUndiciPool;
  return createPool({
    origin: new URL(url),
    connectMilliseconds: limits.connectMilliseconds,
    clock,
    tls: {
      checkServerIdentity,
      ...(authority === null ? {} : { ca: authority }),
      ...(tls.serverName === null ? {} : { servername: tls.serverName }),
      ...(identity === null ? {} : { cert: identity.certificate, key: identity.key }),
    },
  });
}

async function readAuthority(name: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Fault(
      'upstream_unreachable',
      `MCP server ${name}: its authority cannot be read: ${errorText(cause)}`,
      { cause },
    );
  }
}
