import type { KeptDefinition, ToolDecision, ToolRecord } from '../store/tool-records.ts';

/** Definitions of one tool that may be approved side by side: a server may give clients of each era its own. */
const mostApproved = 8;

/** A tool of which nothing is known. */
export function unknownTool(server: string, tool: string): ToolRecord {
  return {
    server,
    tool,
    state: 'waiting',
    revision: 1,
    first: null,
    seen: null,
    approved: [],
    decided: null,
  };
}

/**
 * The record of a tool that was seen with a definition; null when nothing is new. What was approved and is seen otherwise
 * has changed, and stays so until somebody decides, whatever is seen then.
 */
export function seenWith(before: ToolRecord, definition: KeptDefinition): ToolRecord | null {
  const known = before.approved.some(({ hash }) => hash === definition.hash);
  const changes = before.state === 'approved' && !known;
  if (before.seen?.hash === definition.hash && !changes) return null;
  return {
    ...before,
    state: changes ? 'changed' : before.state,
    revision: changes ? before.revision + 1 : before.revision,
    first: before.first ?? definition,
    seen: definition,
  };
}

/** `beside`: those that were approved before stay approved. */
export function approvedWith(
  before: ToolRecord,
  definition: KeptDefinition,
  decided: ToolDecision,
  beside: boolean,
): ToolRecord {
  const others = beside ? before.approved.filter(({ hash }) => hash !== definition.hash) : [];
  const approved = [definition, ...others].slice(0, mostApproved);
  return { ...before, state: 'approved', approved, revision: before.revision + 1, decided };
}

/** The last good definition is kept. */
export function refusedWith(before: ToolRecord, decided: ToolDecision): ToolRecord {
  return { ...before, state: 'refused', revision: before.revision + 1, decided };
}

/** A definition of the tool by its hash or the beginning of it; null when there is none, or more than one. */
export function definitionNamed({ seen, approved }: ToolRecord, hash: string): KeptDefinition | null {
  const known = [...(seen ? [seen] : []), ...approved].filter((one) => one.hash.startsWith(hash));
  const [first] = known;
  return first && known.every((one) => one.hash === first.hash) ? first : null;
}
