import type { Json } from './canonical-json.ts';

/** Whether arrays and objects of a value nest at most so deep: to serialise it, or to look at all of it, recurses. */
export function nestsWithin(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member: Json) => nestsWithin(member, depth - 1));
}
