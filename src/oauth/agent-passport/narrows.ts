import { type Authority, reversibilities } from './delegation.ts';
import { Refusal } from './refusal.ts';
import { coversAll } from './scope-grants.ts';

/** Whether what is passed on is within what was held, facet by facet; null when it is. */
export function widening(held: Authority, passed: Authority): Refusal | null {
  if (!coversAll(held.grants, passed.grants)) {
    return new Refusal('SCOPE_WIDENING', 'It grants what its parent does not.');
  }
  return (
    spendWidening(held.spend, passed.spend) ??
    depthWidening(held.depth, passed.depth) ??
    timeWidening(held, passed) ??
    restWidening(held, passed)
  );
}

function spendWidening(held: Authority['spend'], passed: Authority['spend']): Refusal | null {
  if (held === null) return null;
  if (passed === null)
    return new Refusal('SPEND_WIDENING', 'It has no bound on spending and its parent has one.');
  if (passed.unit !== held.unit)
    return new Refusal('SPEND_UNIT_CHANGE', 'It counts spending in another unit.');
  if (passed.perAction <= held.perAction && passed.cumulative <= held.cumulative) return null;
  return new Refusal('SPEND_WIDENING', 'It may spend more than its parent.');
}

function depthWidening(held: number, passed: number): Refusal | null {
  if (held === 0) return new Refusal('DEPTH_EXHAUSTED', 'Its parent may not be passed on.');
  return passed <= held - 1
    ? null
    : new Refusal('DEPTH_WIDENING', 'It may be passed on as often as its parent.');
}

function timeWidening(held: Authority, passed: Authority): Refusal | null {
  if (passed.notBefore >= held.notBefore && passed.notAfter <= held.notAfter) return null;
  return new Refusal('TIME_WIDENING', 'It is valid when its parent is not.');
}

function restWidening(held: Authority, passed: Authority): Refusal | null {
  if (passed.reputation > held.reputation) {
    return new Refusal('REPUTATION_WIDENING', 'Its ceiling of reputation is above that of its parent.');
  }
  if (!held.values.every((value) => passed.values.includes(value))) {
    return new Refusal('VALUES_WEAKENING', 'It lacks a value that its parent requires.');
  }
  if (reversibilities.indexOf(passed.reversibility) > reversibilities.indexOf(held.reversibility)) {
    return new Refusal(
      'REVERSIBILITY_WIDENING',
      'It may do what cannot be taken back, and its parent may not.',
    );
  }
  return null;
}
