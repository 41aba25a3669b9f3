import type { ExtensionFunction } from './extension-function.ts';
import { isLong64 } from './long.ts';
import { type ExtensionValue, failure, unlike, type Value } from './value.ts';

/** The functions of Cedar's `decimal` type, whose amount counts ten-thousandths. */
export const decimalFunctions: Readonly<Record<string, ExtensionFunction>> = {
  decimal: {
    arity: 1,
    apply: ([text]) => {
      if (typeof text !== 'string') return unlike('string', text);
      return decimal(text) ?? failure('error while evaluating `decimal` extension function');
    },
  },
  lessThan: comparing((left, right) => left < right),
  lessThanOrEqual: comparing((left, right) => left <= right),
  greaterThan: comparing((left, right) => left > right),
  greaterThanOrEqual: comparing((left, right) => left >= right),
};

function comparing(test: (left: bigint, right: bigint) => boolean): ExtensionFunction {
  return {
    arity: 2,
    apply: ([left, right]) => {
      if (!isDecimal(left)) return unlike('decimal', left);
      if (!isDecimal(right)) return unlike('decimal', right);
      return test(left.amount, right.amount);
    },
  };
}

function isDecimal(value: Value): value is ExtensionValue {
  return typeof value === 'object' && value.kind === 'extension' && value.type === 'decimal';
}

/** The decimal that a text says, as Cedar reads it: digits on both sides of a point, at most four after it. */
export function decimal(text: string): ExtensionValue | null {
  const [, whole, places] = /^(-?\d+)\.(\d{1,4})$/.exec(text) ?? [];
  if (whole === undefined || places === undefined) return null;
  const left = BigInt(whole);
  const right = BigInt(places.padEnd(4, '0'));
  // The sign is that of the text: "-0.5" has none in its whole part.
  const amount = left * 10_000n + (text.startsWith('-') ? -right : right);
  if (!isLong64(left) || !isLong64(left * 10_000n) || !isLong64(amount)) return null;
  return { kind: 'extension', type: 'decimal', amount, range: null, key: `decimal(${amount})` };
}
