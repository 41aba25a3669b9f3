import { decimalFunctions } from './decimal-functions.ts';
import type { ExtensionFunction } from './extension-function.ts';
import { ipFunctions } from './ip-functions.ts';
import { timeFunctions } from './time-functions.ts';

/** Every function and method of Cedar's extension types, by name. */
export const extensionFunctions: ReadonlyMap<string, ExtensionFunction> = new Map(
  Object.entries({ ...ipFunctions, ...decimalFunctions, ...timeFunctions }),
);
