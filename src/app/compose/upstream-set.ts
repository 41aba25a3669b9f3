import { errorText } from '../../kernel/fault.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';
import type { Upstream, UpstreamHealth } from '../../upstream/upstream.ts';

/** The upstreams of the registered servers, kept in step with the registry without touching those that did not change. */
export interface UpstreamSet extends AsyncDisposable {
  find(name: string): Upstream | null;
  /** Makes, replaces and closes upstreams so that they match the definitions. */
  follow(definitions: ReadonlyMap<string, ServerDefinition>): void;
  /** Ends the children and sessions of a caller everywhere. */
  endCaller(spiffeId: string): void;
  /** Every upstream with its state. */
  health(): readonly (UpstreamHealth & { readonly name: string })[];
}

export function createUpstreamSet(
  make: (definition: ServerDefinition) => Upstream,
  log: (line: string) => void,
): UpstreamSet {
  const held = new Map<string, { readonly definition: string; readonly upstream: Upstream }>();
  const close = (name: string, upstream: Upstream): void => {
    Promise.resolve(upstream[Symbol.asyncDispose]()).catch((error: unknown) =>
      log(`Closing ${name} failed: ${errorText(error)}`),
    );
  };
  return {
    find: (name) => held.get(name)?.upstream ?? null,
    follow(definitions) {
      for (const [name, { definition, upstream }] of held) {
        const wanted = definitions.get(name);
        if (wanted && JSON.stringify(wanted) === definition) continue;
        held.delete(name);
        close(name, upstream);
      }
      for (const [name, definition] of definitions) {
        if (held.has(name)) continue;
        try {
          held.set(name, { definition: JSON.stringify(definition), upstream: make(definition) });
        } catch (error) {
          log(`Server ${name} cannot be used: ${errorText(error)}`);
        }
      }
    },
    endCaller(spiffeId) {
      for (const [name, { upstream }] of held) {
        Promise.resolve(upstream.endCaller(spiffeId)).catch((error: unknown) =>
          log(`Ending a caller at ${name}: ${errorText(error)}`),
        );
      }
    },
    health: () => [...held].map(([name, { upstream }]) => ({ name, ...upstream.health() })),
    async [Symbol.asyncDispose]() {
      const all = [...held.values()];
      held.clear();
      await Promise.allSettled(all.map(async ({ upstream }) => await upstream[Symbol.asyncDispose]()));
    },
  };
}
