import type { CompiledRule } from './compile-rule.ts';
import type { KnownEntity } from './frame.ts';
import { fits } from './scope.ts';

/** Rules by the entities that their scopes name, so that a question meets only those that can be about it. */
export interface RuleIndex {
  /** The rules whose scope a principal fits. */
  about(principal: KnownEntity): RulesAbout;
}

/** The rules about one principal. */
export interface RulesAbout {
  /** Those of them whose scope a resource fits. */
  fitting(resource: KnownEntity): readonly CompiledRule[];
}

type ByResource = ReadonlyMap<string, readonly CompiledRule[]>;

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
    about(principal) {
      const found = [...keysOf(principal)].flatMap((key) => byPrincipal.get(key) ?? []);
      return { fitting: (resource) => fitting(found, principal, resource) };
    },
  };
}

function fitting(
  about: readonly ByResource[],
  principal: KnownEntity,
  resource: KnownEntity,
): readonly CompiledRule[] {
  const found: CompiledRule[] = [];
  for (const byResource of about) {
    for (const key of keysOf(resource)) {
      for (const rule of byResource.get(key) ?? []) {
        if (fits(rule.scope.principal, principal) && fits(rule.scope.resource, resource)) found.push(rule);
      }
    }
  }
  return found;
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
