import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import type { TlsMaterial } from '../http/exchange.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import type { UpstreamLimits } from './limits.ts';
import type { HttpServerDefinition } from './server-definition.ts';

/** The connections to one server. */
export interface HttpPool extends AsyncDisposable {
  /** A pool with our certificate as of now. Throws Fault `upstream_unreachable` when the authority file does not load. */
  current(): Promise<Pool>;
  /** The next use makes new connections; what is under way ends undisturbed. */
  renew(): void;
}

type Identity = Pick<TlsMaterial, 'certificate' | 'key'>;

export function createHttpPool(
  definition: HttpServerDefinition,
  limits: UpstreamLimits,
  identity: () => Identity,
): HttpPool {
  const shown = (): Identity | null => (definition.tls.presentCertificate ? identity() : null);
  const retiring = new Set<Promise<void>>();
  let open: { readonly pool: Promise<Pool>; readonly identity: Identity | null } | null = null;
  let disposed = false;

  const retire = (): void => {
    if (!open) return;
    const closing = open.pool.then((pool) => pool.close()).catch(() => undefined);
    open = null;
    retiring.add(closing);
    void closing.finally(() => retiring.delete(closing));
  };

  return {
    async current() {
      if (disposed) throw new Fault('upstream_unreachable', `MCP server ${definition.name} was removed.`);
      const now = shown();
      if (open && !sameIdentity(open.identity, now)) retire();
      open ??= { pool: openPool(definition, limits, now), identity: now };
      const mine = open;
      try {
        return await mine.pool;
      } catch (error) {
        if (open === mine) open = null;
        throw error;
      }
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

function sameIdentity(a: Identity | null, b: Identity | null): boolean {
  return a === b || (a !== null && b !== null && a.certificate === b.certificate && a.key === b.key);
}

async function openPool(
  { name, url, tls }: HttpServerDefinition,
  limits: UpstreamLimits,
  identity: Identity | null,
): Promise<Pool> {
  const authority = tls.authority === null ? null : await readAuthority(name, tls.authority);
  return new Pool(new URL(url).origin, {
    allowH2: false,
    pipelining: 1,
    headersTimeout: limits.answerMilliseconds,
    bodyTimeout: limits.idleMilliseconds,
    connect: {
      timeout: limits.connectMilliseconds,
      // A resumed session would skip the check of the server's certificate.
      maxCachedSessions: 0,
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
