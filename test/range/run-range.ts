import { randomOfCase } from '../differential/seeded-random.ts';
import { doTask } from './benign.ts';
import { arms, type Controls, controlTable } from './controls.ts';
import { families } from './families/families.ts';
import { openStage, type Stage } from './stage.ts';

/** The seed of the published run; each attempt can be made again by itself. */
export const publishedSeed = 20_261_126;

/** What one arm came to. A letter for each attempt: `C` success with cascade, `S` success, `.` none. */
export interface ArmResults {
  readonly families: Readonly<Record<string, string>>;
  /** A letter for each task: `c` complete, `b` something was refused, `x` it failed otherwise. */
  readonly benign: string;
}

/** Everything that the page is written from. */
export interface RangeResults {
  readonly seed: number;
  readonly arms: Readonly<Record<string, ArmResults>>;
  /** The strict arm with each control off in turn, by the control. */
  readonly ablation: Readonly<Record<string, ArmResults>>;
}

export interface Size {
  readonly variants: number;
  readonly tasks: number;
}

/** Runs one arm; `told` hears of each family. */
export async function runArm(
  controls: Controls | null,
  { variants, tasks }: Size,
  told: (what: string, letters: string) => void,
): Promise<ArmResults> {
  await using stage = await openStage(controls);
  const attacked: Record<string, string> = {};
  for (const { id, attack } of families) {
    let letters = '';
    for (let variant = 0; variant < variants; variant++) {
      const random = randomOfCase(publishedSeed + Number(id.slice(1)), variant);
      const { success, cascade } = await attack(stage, random, variant);
      letters += cascade ? 'C' : success ? 'S' : '.';
    }
    attacked[id] = letters;
    told(id, letters);
  }
  const benign = await runTasks(stage, tasks);
  told('benign', benign);
  return { families: attacked, benign };
}

async function runTasks(stage: Stage, tasks: number): Promise<string> {
  let letters = '';
  for (let index = 0; index < tasks; index++) {
    const { completed, blocked } = await doTask(stage, randomOfCase(publishedSeed, index), index);
    letters += blocked > 0 ? 'b' : completed ? 'c' : 'x';
  }
  return letters;
}

/** The strict arm without one control, for each that it has. */
export function ablated(): readonly (readonly [id: string, controls: Controls])[] {
  const { strict } = arms;
  if (strict === null) return [];
  return controlTable.filter(({ id }) => strict[id]).map(({ id }) => [id, { ...strict, [id]: false }]);
}
