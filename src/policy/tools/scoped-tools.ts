import { coversAction } from '../covers-action.ts';
import type { KnownEntity } from '../evaluate/frame.ts';
import { type Constraint, fits, scopeOf } from '../evaluate/scope.ts';
import type { Rule } from '../rule.ts';
import type { RecordType } from './argument-type.ts';
import { toolEntity } from './for-tool.ts';
import type { KnownTools } from './known-tools.ts';

export interface ScopedTool {
  readonly server: string;
  readonly name: string;
  readonly arguments: RecordType;
  readonly entity: KnownEntity;
}

/** The known tools that the scope of a rule takes in. */
export interface ScopedTools {
  readonly tools: readonly ScopedTool[];
  /** Whether every tool that the scope takes in is among them: it names a server, or a tool, that is known. */
  readonly complete: boolean;
  /** Whether the rule is about calls of tools and nothing else. */
  readonly onlyTools: boolean;
}

export function scopedTools(rule: Rule, known: KnownTools): ScopedTools {
  const { resource } = scopeOf(rule);
  const onlyTools = isOnlyAboutTools(rule, resource);
  if (!coversAction(rule, 'tools/call')) return { tools: [], complete: false, onlyTools: false };
  const tools: ScopedTool[] = [];
  const server = serverOf(resource);
  for (const [name, definitions] of known.servers) {
    if (server !== null && server !== name) continue;
    for (const [tool, type] of definitions) {
      const entity = toolEntity(name, tool);
      if (fits(resource, entity)) tools.push({ server: name, name: tool, arguments: type, entity });
    }
  }
  return { tools, complete: server !== null && known.servers.has(server), onlyTools };
}

function isOnlyAboutTools(rule: Rule, { type, key }: Constraint): boolean {
  const aboutCalls = !['prompts/get', 'resources/read', 'other'].some((action) => coversAction(rule, action));
  return aboutCalls || type === 'Tool' || (key?.startsWith('@Tool::') ?? false);
}

/** The server that a scope names, by itself or with one of its tools; null for any. */
function serverOf({ key }: Constraint): string | null {
  const found = key === null ? null : /^@(Server|Tool)::(".*")$/s.exec(key);
  if (!found) return null;
  const id = JSON.parse(found[2] ?? '""') as string;
  return found[1] === 'Server' ? id : (id.split('/')[0] ?? id);
}
