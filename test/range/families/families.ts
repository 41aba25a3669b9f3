import { answerFamilies } from './answers.ts';
import { definitionFamilies } from './definitions.ts';
import type { Family } from './family.ts';
import { handleTheft } from './handles.ts';
import { exhaustion } from './load.ts';
import { recordFamilies } from './records.ts';
import { tokenFamilies } from './tokens.ts';
import { wireFamilies } from './wire.ts';

/** All families, A1 to A20. */
export const families: readonly Family[] = [
  ...definitionFamilies,
  ...answerFamilies,
  ...tokenFamilies,
  ...wireFamilies,
  ...recordFamilies,
  handleTheft,
  exhaustion,
].toSorted((one, other) => Number(one.id.slice(1)) - Number(other.id.slice(1)));
