import type { CompiledRule } from './compile-rule.ts';
import type { Frame, KnownEntity } from './frame.ts';
import { fits } from './scope.ts';

/** Rules by the entities that their scopes name, so that a question meets only those that can be about it. */
export interface RuleIndex {
  /** The rules whose scope the principal and the resource of the frame fit. */
  fitting(frame: Frame): readonly CompiledRule[];
}

// No entity has this key.
const anyone = '';

export function ruleIndex(rules: readonly CompiledRule[]): RuleIndex {
  const byPrincipal = new Map<string, Map<string, CompiledRule[]>>();
  for (const rule of rules) {
    const { principal, resource } = rule.scope;
    const byResource = entryOf(byPrincipal, principal.key ?? anyone, () => new Map<string, CompiledRule[]>());
    entryOf(byResource, resource.key ?? anyone, () => [] as CompiledRule[]).push(rule);
  }
  return {
    fitting(frame) {
      const found: CompiledRule[] = [];
      for (const principal of keysOf(frame.principal)) {
        const byResource = byPrincipal.get(principal);
        if (!byResource) continue;
        for (const resource of keysOf(frame.resource)) {
          for (const rule of byResource.get(resource) ?? []) {
            if (isAbout(rule, frame)) found.push(rule);
          }
        }
      }
      return found;
    },
  };
}

function isAbout({ scope }: CompiledRule, frame: Frame): boolean {
  return fits(scope.principal, frame.principal) && fits(scope.resource, frame.resource);
}

/** What a scope can name an entity by; each once, so that no rule is found twice. */
function keysOf({ entity, parents }: KnownEntity): ReadonlySet<string> {
  return new Set([anyone, entity.key, ...parents]);
}

function entryOf<Entry>(map: Map<string, Entry>, key: string, make: () => Entry): Entry {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
