import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Ask } from './rule.ts';

/** What a forbid asks for; null when it does not ask. `checkAnnotations` says whether it asks rightly. */
export function askOf({ effect, annotations }: PolicyJson): Ask | null {
  const why = annotations?.['ask'];
  if (effect !== 'forbid' || why === undefined) return null;
  return { why: why ?? '', approver: annotations?.['approver'] === 'another' ? 'another' : 'anyone' };
}
