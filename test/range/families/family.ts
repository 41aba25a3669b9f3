import type { SeededRandom } from '../../differential/seeded-random.ts';
import type { Stage } from '../stage.ts';

/** What became of one attack. */
export interface Outcome {
  readonly success: boolean;
  /** Whether a server that is not hostile did something for it. */
  readonly cascade: boolean;
}

/** A way to attack, in as many variants as are asked for. */
export interface Family {
  readonly id: string;
  readonly title: string;
  /** When an attack counts as a success. */
  readonly success: string;
  attack(stage: Stage, random: SeededRandom, variant: number): Promise<Outcome>;
}

export function outcome(success: boolean, cascade = false): Outcome {
  return { success, cascade: success && cascade };
}

/** One of several kinds, each in turn. */
export function turn<Value>(values: readonly Value[], variant: number): Value {
  return values[variant % values.length] as Value;
}
