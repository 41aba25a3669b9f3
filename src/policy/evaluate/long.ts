import { failure, type Outcome, unlike, type Value } from './value.ts';

/** Whether Cedar's Long, a signed number of 64 bits, can hold it. */
export function isLong64(amount: bigint): boolean {
  return amount === BigInt.asIntN(64, amount);
}

export function isLong(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** The Long in the one form it has as a value. */
export function long(amount: bigint): number | bigint {
  const small = Number(amount);
  return Number.isSafeInteger(small) ? small : amount;
}

/** Addition, subtraction and multiplication of Longs; beyond 64 bits they fail. */
export function arithmetic(
  near: (left: number, right: number) => number,
  far: (left: bigint, right: bigint) => bigint,
): (left: Value, right: Value) => Outcome {
  return (left, right) => {
    if (!isLong(left)) return unlike('long', left);
    if (!isLong(right)) return unlike('long', right);
    if (typeof left === 'number' && typeof right === 'number') {
      const result = near(left, right);
      // Adding 0 makes the 0 of −0, which has a sign of its own only in a double.
      if (Number.isSafeInteger(result)) return result + 0;
    }
    return bounded(far(BigInt(left), BigInt(right)));
  };
}

export function negative(value: Value): Outcome {
  if (!isLong(value)) return unlike('long', value);
  return typeof value === 'number' ? 0 - value : bounded(-value);
}

function bounded(result: bigint): Outcome {
  return isLong64(result) ? long(result) : failure('integer overflow');
}
