import type { Outcome, Value } from './value.ts';

/** A function or method of an extension type. */
export interface ExtensionFunction {
  readonly arity: 1 | 2;
  /** Takes as many values as `arity` says; the second is the first again when it is one. */
  readonly apply: (values: readonly [Value, Value]) => Outcome;
}
