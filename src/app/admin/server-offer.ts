import { separateServers } from '../../gateway/federation/exposed-names.ts';
import { Fault } from '../../kernel/fault.ts';
import { skeletonOf } from '../../mcp/look-alike.ts';

interface Named {
  readonly name: string;
}

/** A server with whether it is offered at `/mcp` together with the others, and why not. */
export function withOffer<Server extends Named>(
  server: Server,
  all: readonly Named[],
): Server & { readonly together: { readonly offered: boolean; readonly reason: string | null } } {
  const reason = separateServers(all.map(({ name }) => name)).apart.get(server.name) ?? null;
  return { ...server, together: { offered: reason === null, reason } };
}

/**
 * Refuses a new server whose name looks like that of another: people, policies and models would take one for the other,
 * and `/mcp` would have to leave out both. Throws Fault `name_refused`.
 */
export function refuseLookAlike(name: string, known: readonly Named[]): void {
  const alike = known.find((other) => other.name !== name && skeletonOf(other.name) === skeletonOf(name));
  if (!alike) return;
  throw new Fault(
    'name_refused',
    `The name ${name} looks like ${alike.name}, which is registered. Choose one that nobody takes for it.`,
  );
}
