import { deceptionIn, skeletonOf } from '../../mcp/look-alike.ts';

/** What a thing of a server is called where all servers are offered together. */
export interface RealName {
  readonly server: string;
  readonly name: string;
}

/**
 * Stands between the name of a server and the name of its tool or prompt. No name of a server that takes part holds it
 * or ends with half of it (trap: prefix delimiter also legal in names). All clients and models accept its characters.
 */
export const delimiter = '__';

/** How long a name may become (MCP 2025-11-25, Tool Names). */
const longestName = 128;

export function exposedName({ server, name }: RealName): string {
  return `${server}${delimiter}${name}`;
}

/** Why a tool or prompt of a server cannot be offered under its exposed name, or null. */
export function nameProblem(real: RealName): string | null {
  if (exposedName(real).length > longestName) {
    return `its name beside that of the server would be longer than ${longestName} characters`;
  }
  return deceptionIn(real.name);
}

const scheme = 'mcp://';

/**
 * A resource is offered as `mcp://<server>/<its own URI>`. The rest is left as it is, so that a template expands to
 * what its server expects (RFC 6570); no name of a server holds a slash.
 */
export function exposedUri({ server, name }: RealName): string {
  return `${scheme}${server}/${name}`;
}

/** The server and the URI behind an exposed URI, or null when it has another form. */
export function realUri(uri: string): RealName | null {
  if (!uri.startsWith(scheme)) return null;
  const slash = uri.indexOf('/', scheme.length);
  if (slash === -1 || slash === uri.length - 1) return null;
  return { server: uri.slice(scheme.length, slash), name: uri.slice(slash + 1) };
}

/** Whether a server's name can stand before the delimiter without any doubt where it ends. */
export function serverNameProblem(server: string): string | null {
  if (!/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(server)) return 'its name is not one of a server';
  return skeletonOf(server).includes(delimiter) ? 'its name holds two separators in a row' : null;
}

/**
 * Which servers can be offered together, and why the others cannot: of two whose names look alike neither is, because
 * nobody can tell which one is meant.
 */
export function separateServers(servers: Iterable<string>): {
  readonly together: readonly string[];
  readonly apart: ReadonlyMap<string, string>;
} {
  const apart = new Map<string, string>();
  const bySkeleton = new Map<string, string[]>();
  for (const server of [...servers].sort()) {
    const problem = serverNameProblem(server);
    if (problem !== null) {
      apart.set(server, problem);
      continue;
    }
    const skeleton = skeletonOf(server);
    bySkeleton.set(skeleton, [...(bySkeleton.get(skeleton) ?? []), server]);
  }
  const together: string[] = [];
  for (const alike of bySkeleton.values()) {
    const [first] = alike;
    if (alike.length === 1 && first !== undefined) together.push(first);
    else for (const server of alike) apart.set(server, lookAlikes(server, alike));
  }
  return { together: together.sort(), apart };
}

function lookAlikes(server: string, alike: readonly string[]): string {
  return `its name looks like that of ${alike.filter((other) => other !== server).join(', ')}`;
}
