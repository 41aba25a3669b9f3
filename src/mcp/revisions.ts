import type { Era } from './message.ts';

/** The first revision with metadata on every request. */
export const firstModernRevision = '2026-07-28';

/** The revisions that are read, newest first. */
export const revisions: readonly string[] = [
  firstModernRevision,
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
];

/** MCP 2025-11-25, Protocol Version Header: what a request without the header is taken for. */
export const assumedRevision = '2025-03-26';

/** Revisions are dates and compare as text. */
export function eraOf(revision: string): Era {
  return revision >= firstModernRevision ? 'modern' : 'legacy';
}

/** The revisions of one era, newest first. */
export function revisionsOf(era: Era): readonly string[] {
  return revisions.filter((revision) => eraOf(revision) === era);
}

/**
 * What 2026-07-28 took away (its changelog, Removed). A server of both eras might still act on them, so they are
 * refused before one can.
 */
const removed: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  // Tasks became an extension (SEP-2663), without these two.
  'tasks/result',
  'tasks/list',
]);

/** Whether a revision has lost a method; one that nobody knows is for policy to decide. */
export function isRemoved(method: string, revision: string): boolean {
  return eraOf(revision) === 'modern' && removed.has(method);
}

/** Batches exist in 2025-03-26 alone (2025-06-18, changelog 1). */
export function hasBatches(revision: string): boolean {
  return revision === '2025-03-26';
}
