import type { KeyObject } from 'node:crypto';
import { Fault } from '../../kernel/fault.ts';
import type { SharedFacts } from './shared-facts.ts';
import { sharedSeal } from './shared-seal.ts';

/** A text that all authorities of a store go by, in steps. */
export interface SharedText {
  /** The number of the last step; 0 before the first. */
  last(): Promise<number>;
  /** Throws Fault `state_damaged` for what no authority of the store has written. */
  read(): Promise<{ readonly step: number; readonly text: string } | null>;
  /** Takes the step after this one; false when somebody else has. */
  put(after: number, text: string): Promise<boolean>;
}

/** The text of that name, sealed as a whole: whoever can write in the store can neither read it nor put another in its place. */
export function sharedText(facts: SharedFacts, key: KeyObject, name: string): SharedText {
  const seal = sharedSeal(key, name);
  const split = (stored: string | null): readonly [number, string] => {
    const [step = '0', sealed = ''] = (stored ?? '').split(' ');
    return [Number(step), sealed];
  };
  return {
    last: async () => split(await facts.get(name))[0],
    async read() {
      const [step, sealed] = split(await facts.get(name));
      if (sealed === '') return null;
      const text = seal.open(sealed, [name, String(step)]);
      if (text !== null) return { step, text };
      throw new Fault(
        'state_damaged',
        `What the store says of ${name} was not written by an authority of this trust domain. Restore the store from a backup.`,
      );
    },
    async put(after, text) {
      const before = await facts.get(name);
      if (split(before)[0] !== after) return false;
      const step = String(after + 1);
      return await facts.swap(name, before, `${step} ${seal.seal(text, [name, step])}`);
    },
  };
}
