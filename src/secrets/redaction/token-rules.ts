import { RE2JS } from 're2js';
import kept from './gitleaks.json' with { type: 'json' };
import { bitsPerCharacter } from './entropy.ts';
import type { Span } from './find-known.ts';
import type { Rule } from './structure-rules.ts';

interface KeptRule {
  readonly id: string;
  readonly keywords: readonly string[];
  readonly regex: string;
  readonly entropy?: number;
  readonly group?: number;
  readonly allow?: readonly string[];
}

/** The rules of gitleaks for the tokens of some two hundred services, each compiled when one of its words is first met. */
export function tokenRules(): readonly Rule[] {
  return (kept.rules as readonly KeptRule[]).map((rule) => {
    let compiled: { readonly expression: RE2JS; readonly allow: readonly RE2JS[] } | null = null;
    return {
      id: rule.id,
      words: rule.keywords,
      everyWord: false,
      wantsToken: true,
      ...(rule.keywords.includes('curl') && { behind: 1_000 }),
      find(text) {
        compiled ??= {
          expression: RE2JS.compile(rule.regex),
          allow: (rule.allow ?? []).map((allowed) => RE2JS.compile(allowed)),
        };
        return findAll(text, rule, compiled);
      },
    };
  });
}

function findAll(
  text: string,
  { entropy = 0, group }: KeptRule,
  { expression, allow }: { readonly expression: RE2JS; readonly allow: readonly RE2JS[] },
): readonly Span[] {
  const spans: Span[] = [];
  const matcher = expression.matcher(text);
  while (matcher.find()) {
    const chosen = group ?? firstGroup(matcher);
    const secret = matcher.group(chosen) ?? '';
    if (bitsPerCharacter(secret) < entropy || allow.some((allowed) => allowed.matcher(secret).find()))
      continue;
    spans.push({ start: matcher.start(chosen), end: matcher.end(chosen) });
  }
  return spans;
}

/** The secret is the first group that took part, or the whole where there is none. */
function firstGroup(matcher: { groupCount(): number; group(group: number): string | null }): number {
  for (let group = 1; group <= matcher.groupCount(); group++) if (matcher.group(group)) return group;
  return 0;
}
