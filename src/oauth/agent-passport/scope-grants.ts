/** Scopes of the profile `aps-hierarchical-v1`: `a:b` is itself alone, `a:*` is `a` and all below it, `*` is everything. */

const segment = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const mostSegments = 16;
const longestGrant = 255;
/** Canonical order is looked at in pairs; the profile names no limit, and this one keeps a record's cost small. */
export const mostGrants = 1_024;

export function isGrant(text: string): boolean {
  if (text === '*') return true;
  if (text.length > longestGrant) return false;
  const segments = text.split(':');
  if (segments.length > mostSegments) return false;
  if (segments.at(-1) === '*') segments.pop();
  return segments.length > 0 && segments.every((one) => segment.test(one));
}

export function covers(wider: string, narrower: string): boolean {
  if (wider === '*') return true;
  if (!wider.endsWith(':*')) return wider === narrower;
  const prefix = wider.slice(0, -':*'.length);
  const below = narrower.endsWith(':*') ? narrower.slice(0, -':*'.length) : narrower;
  return below === prefix || below.startsWith(`${prefix}:`);
}

export function coversAll(wider: readonly string[], narrower: readonly string[]): boolean {
  return narrower.every((one) => wider.some((grant) => covers(grant, one)));
}

/** Whether a list is the one way to write its set: sorted, and no grant covered by another. */
export function isCanonicalList(grants: readonly string[]): boolean {
  return grants.every((grant, index) => {
    const before = grants[index - 1];
    if (!isGrant(grant) || (before !== undefined && before >= grant)) return false;
    return !grants.some((other, place) => place !== index && covers(other, grant));
  });
}
