import type { PartnerMapping } from './partner-record.ts';

/** What a pattern of paths looks like. */
export const pathPattern = /^(\/[a-zA-Z0-9._*-]+)+$/;

/**
 * The roles of a caller by its path: those of every pattern that fits, together. Null when none fits, which is not the
 * same as no roles: such a caller is not let in.
 */
export function rolesOf(path: string, mappings: readonly PartnerMapping[]): readonly string[] | null {
  const fitting = mappings.filter(({ pattern }) => fits(path, pattern));
  if (fitting.length === 0) return null;
  return [...new Set(fitting.flatMap(({ roles }) => roles))];
}

function fits(path: string, pattern: string): boolean {
  const below = pattern.endsWith('/**');
  const wanted = (below ? pattern.slice(0, -3) : pattern).split('/');
  const segments = path.split('/');
  if (below ? segments.length <= wanted.length : segments.length !== wanted.length) return false;
  return wanted.every((one, at) => fitsSegment(segments[at] ?? '', one));
}

/** Not by a regular expression: the partner chooses the path, and several stars in one would take it ages to refuse. */
function fitsSegment(segment: string, pattern: string): boolean {
  const [first = '', ...parts] = pattern.split('*');
  const last = parts.pop();
  if (last === undefined) return segment === first;
  if (segment.length < first.length + last.length || !segment.startsWith(first) || !segment.endsWith(last)) {
    return false;
  }
  let at = first.length;
  for (const part of parts) {
    const found = segment.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at + last.length <= segment.length;
}
