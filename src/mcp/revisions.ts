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

/** Batches exist in 2025-03-26 alone (2025-06-18, changelog 1). */
export function hasBatches(revision: string): boolean {
  return revision === '2025-03-26';
}
